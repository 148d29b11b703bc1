import { setTimeout as pause } from 'node:timers/promises';
import { BenchBroker } from '../feed/broker.js';
import { Fleet, type FleetReport } from '../feed/fleet.js';
import { quantile } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SUBSCRIBERS = 20;
const STALLED = 10;
const BATCH = 100;
const BATCHES_PER_SECOND = 8.4;
const STALLED_BATCHES = 500;
const QUIET_BATCHES = 160;
const CATCH_UP_MS = 240_000;

/** Some subscribers stop reading for a minute in which 50,000 events pass: what that costs the broker, and the others. */
export const feedStalled: Workload = {
  name: 'feed-stalled',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const [coder] = await broker.agents('coder', 1);
      const open = async (sockets: number) => {
        const after = await broker.cursor(coder as string);
        return Fleet.open({ url: broker.url, keys: [coder as string], sockets, shape: 'same', after, timed: true });
      };
      const others = await open(SUBSCRIBERS);
      const told = async (batches: number): Promise<FleetReport> => {
        await writeAtPace(broker, batches);
        return others.until(batches * BATCH * SUBSCRIBERS);
      };
      await told(QUIET_BATCHES);
      const before = await told(QUIET_BATCHES);
      const stalled = await open(STALLED);
      const bytes = await broker.collectedBytes();
      stalled.pause();
      const meanwhile = await told(STALLED_BATCHES);
      const grown = (await broker.collectedBytes()) - bytes;
      stalled.resume();
      const { received } = await stalled.until(STALLED_BATCHES * BATCH * STALLED, CATCH_UP_MS);
      const after = await told(QUIET_BATCHES);
      await Promise.all([others.close(), stalled.close()]);
      const p99 = (...reports: FleetReport[]) =>
        quantile(
          reports.flatMap(({ latencies }) => latencies),
          0.99,
        );
      const name = `feed: ${STALLED} subscribers stalled for ${STALLED_BATCHES * BATCH} events`;
      return [
        row(`${name}, growth of the broker`, grown / 2 ** 20, 'MB', 50),
        row(`${name}, p99 of the others / without`, p99(meanwhile) / p99(before, after), '×', 1.2),
        row(
          `${name}, of which they were told when they read on`,
          received / (STALLED_BATCHES * BATCH * STALLED),
          '×',
          null,
        ),
      ];
    } finally {
      await broker.close();
    }
  },
};

const row = (name: string, value: number, unit: Row['unit'], limit: number | null): Row => ({
  row: name,
  value,
  unit,
  limit,
});

async function writeAtPace(broker: BenchBroker, batches: number): Promise<void> {
  const start = performance.now();
  for (let batch = 0; batch < batches; batch++) {
    const due = start + (batch / BATCHES_PER_SECOND) * 1000;
    await pause(Math.max(0, due - performance.now()));
    const inputs = Array.from({ length: BATCH }, (_, nth) => {
      const written = String(process.hrtime.bigint() / 1000n).padStart(20, '0');
      return { content: `written ${written} as ${batch}.${nth} of a burst.`, type: 'EPISODIC', pool: 'shared' };
    });
    await broker.write(inputs);
  }
}
