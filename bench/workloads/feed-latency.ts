import { BenchBroker } from '../feed/broker.js';
import { Fleet, write } from '../feed/fleet.js';
import type { WriterOptions } from '../feed/writer-process.js';
import { median, quantile } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SUBSCRIBERS = 20;
const PER_SECOND = 500;
const SECONDS = 10;
const ROUNDS = 6;

/** From the beginning of a write to its receipt, and what subscribers cost those who write. */
export const feedLatency: Workload = {
  name: 'feed-latency',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const coders = await broker.agents('coder', 1);
      const [planner] = await broker.agents('planner', 1);
      const targets = [
        { key: planner as string, pool: 'shared' },
        { key: planner as string, pool: 'planner' },
        { key: coders[0] as string, pool: 'coder' },
      ];
      return [...(await latencies(broker, coders, targets)), await throughput(broker, coders, targets)];
    } finally {
      await broker.close();
    }
  },
};

async function openFleet(broker: BenchBroker, keys: string[]): Promise<Fleet> {
  const after = await broker.cursor(keys[0] as string);
  return Fleet.open({ url: broker.url, keys, sockets: SUBSCRIBERS, shape: 'same', after, timed: true });
}

async function latencies(broker: BenchBroker, keys: string[], targets: WriterOptions['targets']): Promise<Row[]> {
  const fleet = await openFleet(broker, keys);
  const pace = { url: broker.url, targets, perSecond: PER_SECOND, parallel: 64 };
  const warm = await write({ ...pace, seconds: 3 });
  await fleet.until(warm.written * SUBSCRIBERS);
  const { written } = await write({ ...pace, seconds: SECONDS });
  const report = await fleet.until(written * SUBSCRIBERS);
  await fleet.close();
  const at = (q: number) => quantile(report.latencies, q);
  const name = `feed: write to receipt at ${PER_SECOND} writes/s`;
  return [
    { row: `${name}, p50`, value: at(0.5), unit: 'ms', limit: 15 },
    { row: `${name}, p99`, value: at(0.99), unit: 'ms', limit: 60 },
  ];
}

/** Rounds with and without subscribers take turns. */
async function throughput(broker: BenchBroker, keys: string[], targets: WriterOptions['targets']): Promise<Row> {
  const rate = async () => {
    const { written, seconds } = await write({ url: broker.url, targets, perSecond: 0, parallel: 8, seconds: 3 });
    return written / seconds;
  };
  await rate();
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const withFeed = async () => {
      const fleet = await openFleet(broker, keys);
      const value = await rate();
      await fleet.close();
      return value;
    };
    if (round % 2 === 0) {
      const on = await withFeed();
      ratios.push(on / (await rate()));
    } else {
      const off = await rate();
      ratios.push((await withFeed()) / off);
    }
  }
  return {
    row: 'feed: write throughput with subscribers / without',
    value: median(ratios),
    unit: '×',
    limit: null,
    atLeast: 0.9,
  };
}
