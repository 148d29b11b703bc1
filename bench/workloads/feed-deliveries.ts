import { BenchBroker } from '../feed/broker.js';
import { Fleet } from '../feed/fleet.js';
import { median } from '../measure.js';
import type { Workload } from '../workload.js';

const SOCKETS = 1_000;
const AGENTS = 40;
const BATCHES = 10;
const BATCH = 100;

/** How much a broker delivers on one processor: deliveries for each second of it that the broker has used. */
export const feedDeliveries: Workload = {
  name: 'feed-deliveries',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const keys = await broker.agents('coder', AGENTS);
      const same = await deliveriesPerSecond(broker, keys, SOCKETS, 'same');
      const few = await deliveriesPerSecond(broker, keys, SOCKETS / 10, 'same');
      const different = await deliveriesPerSecond(broker, keys, SOCKETS, 'different');
      return [
        { row: `feed: deliveries to ${SOCKETS} of one shape`, value: same, unit: '/s', limit: null, atLeast: 90_000 },
        {
          row: `feed: time of one delivery, ${SOCKETS} subscribers / ${SOCKETS / 10}`,
          value: few / same,
          unit: '×',
          limit: 1.2,
        },
        {
          row: `feed: deliveries to ${SOCKETS} of all different shapes`,
          value: different,
          unit: '/s',
          limit: null,
          atLeast: 20_000,
        },
      ];
    } finally {
      await broker.close();
    }
  },
};

let written = 0;

async function deliveriesPerSecond(
  broker: BenchBroker,
  keys: string[],
  sockets: number,
  shape: 'same' | 'different',
): Promise<number> {
  const after = await broker.cursor(keys[0] as string);
  const fleet = await Fleet.open({ url: broker.url, keys, sockets, shape, after });
  try {
    const rates: number[] = [];
    for (let batch = -2; batch < BATCHES; batch++) {
      const inputs = Array.from({ length: BATCH }, () => ({
        content: `What happened in step ${written++} of the build, told in a sentence of the usual length.`,
        type: 'EPISODIC',
        pool: 'shared',
      }));
      const before = broker.cpuSeconds();
      await broker.write(inputs);
      await fleet.until(BATCH * sockets);
      const cpu = broker.cpuSeconds() - before;
      if (batch >= 0) rates.push((BATCH * sockets) / cpu);
    }
    return median(rates);
  } finally {
    await fleet.close();
  }
}
