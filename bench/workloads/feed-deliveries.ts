import { fileURLToPath } from 'node:url';
import { BenchBroker } from '../feed/broker.js';
import { Fleet } from '../feed/fleet.js';
import { median } from '../measure.js';
import type { Row, Workload } from '../workload.js';

const SOCKETS = 1_000;
const AGENTS = 40;
const BATCHES = 10;
const BATCH = 100;
const DEFAULT_BROKER = fileURLToPath(new URL('../feed/default-broker.js', import.meta.url));

/** How much a broker delivers on one processor: deliveries for each second of it that the broker has used. */
export const feedDeliveries: Workload = {
  name: 'feed-deliveries',
  needsDatabase: true,
  run: async (serverUrl) => {
    const [same, few, different] = await measure(await BenchBroker.start(serverUrl), [
      [SOCKETS, 'same'],
      [SOCKETS / 10, 'same'],
      [SOCKETS, 'different'],
    ]);
    const [plain] = await measure(await BenchBroker.start(serverUrl, [DEFAULT_BROKER]), [[SOCKETS, 'same']]);
    const rate = (what: string, value: number, atLeast?: number): Row => ({
      row: `feed: deliveries to ${what}`,
      value,
      unit: '/s',
      limit: null,
      ...(atLeast && { atLeast }),
    });
    const ratio = (what: string, value: number, limit: number | null): Row => ({
      row: `feed: ${what}`,
      value,
      unit: '×',
      limit,
    });
    return [
      rate(`${SOCKETS} of one shape`, same, 90_000),
      rate(`${SOCKETS} of all different shapes`, different, 20_000),
      rate(`${SOCKETS} of one shape by the default execution of graphql-ws`, plain),
      ratio('deliveries to one shape / by the default execution of graphql-ws', same / plain, null),
      ratio(`time of one delivery, ${SOCKETS} subscribers / ${SOCKETS / 10}`, few / same, 1.2),
    ];
  },
};

type Numbers<Of extends readonly unknown[]> = { [Place in keyof Of]: number };

async function measure<const Fleets extends readonly (readonly [number, 'same' | 'different'])[]>(
  broker: BenchBroker,
  fleets: Fleets,
): Promise<Numbers<Fleets>> {
  try {
    const keys = await broker.agents('coder', AGENTS);
    const rates: number[] = [];
    for (const [sockets, shape] of fleets) rates.push(await deliveriesPerSecond(broker, keys, { sockets, shape }));
    return rates as Numbers<Fleets>;
  } finally {
    await broker.close();
  }
}

let written = 0;

async function deliveriesPerSecond(
  broker: BenchBroker,
  keys: string[],
  { sockets, shape }: { sockets: number; shape: 'same' | 'different' },
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
