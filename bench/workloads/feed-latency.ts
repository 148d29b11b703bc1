import { BenchBroker } from '../feed/broker.js';
import { Fleet, write } from '../feed/fleet.js';
import type { WriterOptions } from '../feed/writer-process.js';
import { median, quantile } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SUBSCRIBERS = 5;
const POOLS = 8;
const PER_SECOND = 500;
const WARM_SECONDS = 8;
const SECONDS = 12;
const ROUNDS = 6;
const ROUND_SECONDS = 4;

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

/** Rounds with and without subscribers take turns. */
async function throughput(team: Team): Promise<Row> {
  const { databaseUrl: url } = team.broker;
  const rate = async () => {
    const pace = { url, targets: team.targets, perSecond: 0, parallel: 8, warmSeconds: 2 };
    const { times } = await write({ ...pace, seconds: ROUND_SECONDS });
    return times.length / ROUND_SECONDS;
  };
  const withFeed = async () => {
    const fleet = await openFleet(team);
    const value = await rate();
    await fleet.close();
    return value;
  };
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0 ? await withFeed() : await rate();
    const second = round % 2 === 0 ? await rate() : await withFeed();
    ratios.push(round % 2 === 0 ? first / second : second / first);
  }
  return {
    row: 'feed: write throughput with subscribers / without',
    value: median(ratios),
    unit: '×',
    limit: null,
    atLeast: 0.9,
  };
}
