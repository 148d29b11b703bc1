import { setTimeout as pause } from 'node:timers/promises';
import { BenchBroker } from '../feed/broker.js';
import { Fleet, write } from '../feed/fleet.js';
import { quantile } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SUBSCRIBERS = 20;
const ROUNDS = 30;
const EACH_MS = 400;

interface Round {
  /** Microseconds of the clock that all processes share. */
  revoked: number;
  returned: number;
}

/** How long after the acknowledgement of an edit the last event of what it took arrives, at full write speed. */
export const feedRevoke: Workload = {
  name: 'feed-revoke',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const [coder] = (await broker.agents('coder', 1)) as [string];
      const [planner] = (await broker.agents('planner', 1)) as [string];
      const pools = await broker.lanes(4);
      const after = await broker.cursor(coder);
      const fleet = await Fleet.open({
        url: broker.url,
        keys: [coder],
        sockets: SUBSCRIBERS,
        shape: 'same',
        after,
        timed: true,
      });
      const targets = pools.map((pool) => ({ key: planner, pool }));
      const seconds = (ROUNDS * 2 * EACH_MS) / 1000 + 5;
      const writing = write({ url: broker.databaseUrl, targets, perSecond: 0, parallel: 8, warmSeconds: 3, seconds });
      await pause(4_000);
      const rounds: Round[] = [];
      for (let nth = 0; nth < ROUNDS; nth++) rounds.push(await takeAndReturn(broker, pools));
      await writing;
      const { arrivals } = await fleet.until(1);
      await fleet.close();
      return rowsOf(rounds, arrivals);
    } finally {
      await broker.close();
    }
  },
};

async function takeAndReturn(broker: BenchBroker, pools: string[]): Promise<Round> {
  await broker.addStatements('revoke', [{ effect: 'DENY', roles: ['coder'], actions: ['READ'], pools }]);
  const revoked = now();
  await pause(EACH_MS);
  const returned = now();
  await broker.removeStatements('revoke');
  await pause(EACH_MS);
  return { revoked, returned };
}

function rowsOf(rounds: readonly Round[], arrivals: readonly (readonly [number, number])[]): Row[] {
  const last = rounds.map(({ revoked, returned }) => {
    const late = arrivals.filter(([, received]) => received > revoked && received < returned);
    return Math.max(0, ...late.map(([, received]) => received - revoked)) / 1000;
  });
  const forbidden = rounds.flatMap(({ revoked, returned }) =>
    arrivals.filter(([written, received]) => written > revoked && received < returned),
  );
  const row = (name: string, value: number, limit: number | null): Row => ({
    row: `feed: ${name}`,
    value,
    unit: 'ms',
    limit,
  });
  if (forbidden.length > 0)
    throw new Error(`${forbidden.length} events were written after the edit and told before it was taken back`);
  return [
    row('from the acknowledgement of a revocation to the last event of it, p50', quantile(last, 0.5), null),
    row('from the acknowledgement of a revocation to the last event of it, p99', quantile(last, 0.99), null),
  ];
}

const now = (): number => Number(process.hrtime.bigint() / 1000n);
