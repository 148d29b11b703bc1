import type { Principal } from '#access';
import { sqlState } from '#platform';
import { LIMITS } from '../input.js';
import type { Item } from './batch.js';
import { contentHash } from './memorize-command.js';

/** Leaves in each item its result or its error; throws what is neither. */
type Store = (caller: Principal, items: Item[]) => Promise<void>;

interface Waiting {
  item: Item;
  done: () => void;
  failed: (error: unknown) => void;
}

/**
 * Single writes of one caller to one pool wait for each other's commit in any case, for the pool's numbers. Those that come
 * while one is under way are stored together behind it, each with the outcome that it would have had alone.
 */
export class SingleWrites {
  /** What waits, by caller and pool, where a write is under way. */
  private readonly lanes = new Map<string, Waiting[]>();

  constructor(private readonly store: Store) {}

  async write(caller: Principal, item: Item): Promise<void> {
    const key = laneOf(caller, item);
    const lane = this.lanes.get(key);
    if (lane) return new Promise((done, failed) => void lane.push({ item, done, failed }));
    this.lanes.set(key, []);
    try {
      await this.store(caller, [item]);
    } finally {
      void this.drain(caller, key);
    }
  }

  private async drain(caller: Principal, key: string): Promise<void> {
    const lane = this.lanes.get(key) as Waiting[];
    while (lane.length > 0) await this.storeTogether(caller, take(lane));
    this.lanes.delete(key);
  }

  private async storeTogether(caller: Principal, waiting: readonly Waiting[]): Promise<void> {
    const items = waiting.map(({ item }, index) => Object.assign(item, { index }));
    try {
      await this.store(caller, items);
      for (const { done } of waiting) done();
    } catch (error) {
      // Postgres refused them, so none is stored: whichever it was must not take the others along.
      if (waiting.length > 1 && sqlState(error)) for (const one of waiting) await this.storeTogether(caller, [one]);
      else for (const { failed } of waiting) failed(error);
    }
  }
}

/** Everything that a unit of work is opened with: what is stored together is one principal's, under one key. */
function laneOf({ orgId, id, keyId, role, tokenExpiresAt }: Principal, { command }: Item): string {
  return JSON.stringify([orgId, id, keyId, role, tokenExpiresAt, command.pool]);
}

/** As many as one statement takes, in their order. Of equal ones the first: the next corroborates it. */
function take(lane: Waiting[]): Waiting[] {
  const hashes = new Set<string>();
  let bytes = 0;
  const fits = ({ item: { command } }: Waiting): boolean => {
    const hash = contentHash(command).toString('hex');
    bytes += Buffer.byteLength(command.content);
    if (hashes.has(hash) || hashes.size >= LIMITS.batch || (hashes.size > 0 && bytes > LIMITS.batchBytes)) return false;
    hashes.add(hash);
    return true;
  };
  const length = lane.findIndex((one) => !fits(one));
  return lane.splice(0, length < 0 ? lane.length : length);
}
