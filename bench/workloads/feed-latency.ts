import { BenchBroker } from '../feed/broker.js';
import { Fleet, write } from '../feed/fleet.js';
import type { WriterOptions } from '../feed/writer-process.js';
import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SUBSCRIBERS = 5;
const POOLS = 8;
const PER_SECOND = 500;
const WARM_SECONDS = 8;
const SECONDS = 12;
const TURNS = 31;
const TURN_SECONDS = 2;
/** After subscribers have come or gone. */
const SETTLE_MS = 300;

/**
 * From the beginning of a write to its receipt, and what subscribers cost those who write. A second replica writes, and this
 * one hears of it by the doorbell: over HTTP two cores are not enough for 500 single mutations a second and their receivers.
 */
export const feedLatency: Workload = {
  name: 'feed-latency',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const [coder] = await broker.agents('coder', 1);
      const [planner] = await broker.agents('planner', 1);
      const targets = (await broker.lanes(POOLS)).map((pool) => ({ key: planner as string, pool }));
      const team = { broker, coder: coder as string, targets };
      return [...(await latencies(team)), await throughput(team)];
    } finally {
      await broker.close();
    }
  },
};

interface Team {
  broker: BenchBroker;
  coder: string;
  targets: WriterOptions['targets'];
}

async function openFleet({ broker, coder }: Team): Promise<Fleet> {
  const after = await broker.cursor(coder);
  const keys = [coder];
  return Fleet.open({ url: broker.url, keys, sockets: SUBSCRIBERS, shape: 'same', after, timed: true });
}

async function latencies(team: Team): Promise<Row[]> {
  const fleet = await openFleet(team);
  const pace = { url: team.broker.databaseUrl, targets: team.targets, perSecond: PER_SECOND, parallel: 64 };
  // One process for both: a second one would begin with cold code again.
  const { written, times } = await write({ ...pace, warmSeconds: WARM_SECONDS, seconds: SECONDS });
  const report = await fleet.until(written * SUBSCRIBERS);
  await fleet.close();
  const warm = report.latencies.slice(-times.length * SUBSCRIBERS);
  const name = `feed: at ${PER_SECOND} writes/s, from write to`;
  const row = (what: string, values: number[], q: number, limit: number | null): Row => ({
    row: `${name} ${what}, p${q * 100}`,
    value: quantile(values, q),
    unit: 'ms',
    limit,
  });
  return [
    row('receipt', warm, 0.5, 15),
    row('receipt', warm, 0.99, 60),
    row('acknowledgement', times, 0.5, null),
    row('acknowledgement', times, 0.99, null),
  ];
}

/**
 * One writer all the while, and subscribers that come and go under it: what else the machine does changes more from one second to
 * the next than subscribers change, so what is compared are neighbours.
 */
async function throughput(team: Team): Promise<Row> {
  const { databaseUrl: url } = team.broker;
  const fleet = await openFleet(team);
  const seconds = (TURNS + 3) * TURN_SECONDS;
  const writing = write({ url, targets: team.targets, perSecond: 0, parallel: 8, warmSeconds: 3, seconds });
  await pause(4_000);
  const turns: { from: number; to: number }[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    if (turn > 0) await (turn % 2 === 0 ? fleet.enter() : fleet.leave());
    await pause(SETTLE_MS);
    const from = Date.now();
    await pause(TURN_SECONDS * 1000 - SETTLE_MS);
    turns.push({ from, to: Date.now() });
  }
  const { acknowledged } = await writing;
  await fleet.close();
  const rates = turns.map(
    ({ from, to }) => acknowledged.filter((at) => at >= from && at < to).length / ((to - from) / 1000),
  );
  // Each with the mean of the two around it: what grows with the table, or falls, is then the same on both sides.
  const ratios = rates.slice(1, -1).map((rate, place) => {
    const around = ((rates[place] as number) + (rates[place + 2] as number)) / 2;
    return place % 2 === 0 ? around / rate : rate / around;
  });
  return {
    row: 'feed: write throughput with subscribers / without',
    value: median(ratios),
    unit: '×',
    limit: null,
    atLeast: 0.9,
  };
}
