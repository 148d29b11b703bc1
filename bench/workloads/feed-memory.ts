import { setTimeout as pause } from 'node:timers/promises';
import { BenchBroker } from '../feed/broker.js';
import { Fleet } from '../feed/fleet.js';
import type { Workload } from '../workload.js';

const FEW = 500;
const MANY = 5_000;
const SETTLE_MS = 5_000;

/** What a subscriber that hears nothing takes of the broker's memory. */
export const feedMemory: Workload = {
  name: 'feed-memory',
  needsDatabase: true,
  run: async (serverUrl) => {
    const broker = await BenchBroker.start(serverUrl);
    try {
      const keys = await broker.agents('coder', 110);
      const after = await broker.cursor(keys[0] as string);
      const open = (sockets: number) => Fleet.open({ url: broker.url, keys, sockets, shape: 'same', after });
      const first = await open(FEW);
      await pause(SETTLE_MS);
      const before = await broker.collectedBytes();
      const others = await open(MANY - FEW);
      await pause(SETTLE_MS);
      const each = ((await broker.collectedBytes()) - before) / (MANY - FEW) / 1024;
      await Promise.all([first.close(), others.close()]);
      return [{ row: `feed: memory of an idle subscriber, ${MANY} sockets`, value: each, unit: 'KB', limit: 16 }];
    } finally {
      await broker.close();
    }
  },
};
