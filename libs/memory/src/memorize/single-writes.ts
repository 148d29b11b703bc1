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

/** The writes of one caller. */
interface Lane {
  underWay: number;
  /** Of those under way. */
  heldUp: number;
  waiting: Waiting[];
}

/**
 * A unit alone takes some 2 ms, one of fifty callers at once 50 ms: what lasts longer than this waits for a lock, or Postgres is far
 * away. With 25 ms busy lanes split, and sixteen callers of eight clients each stored 1,420 a second instead of 1,670.
 */
const PATIENCE_MS = 250;
const MOST_UNDER_WAY = 4;

/**
 * A unit of work costs several times what a memory costs that is stored in it. Single writes of one caller that come while one
 * is under way are stored together behind it, each with the outcome that it would have had alone. Two under way at once are
 * slower than one, for each of them then takes fewer along (eight clients on two cores: 1,310 writes a second instead of 1,550).
 */
export class SingleWrites {
  private readonly lanes = new Map<string, Lane>();

  constructor(
    private readonly store: Store,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  write(caller: Principal, item: Item): Promise<void> {
    const key = keyOf(caller);
    const lane = this.lanes.get(key) ?? { underWay: 0, heldUp: 0, waiting: [] };
    this.lanes.set(key, lane);
    return new Promise((done, failed) => {
      lane.waiting.push({ item, done, failed });
      this.goOn(caller, key, lane);
    });
  }

  private goOn(caller: Principal, key: string, lane: Lane): void {
    const isFree = lane.underWay === lane.heldUp && lane.underWay < MOST_UNDER_WAY;
    if (isFree && lane.waiting.length > 0) void this.drain(caller, key, lane);
  }

  private async drain(caller: Principal, key: string, lane: Lane): Promise<void> {
    lane.underWay++;
    // Where the others went on without it, it leaves the rest to them.
    while (lane.waiting.length > 0 && lane.underWay - lane.heldUp === 1) {
      let isHeldUp = false;
      const timer = setTimeout(() => {
        isHeldUp = true;
        lane.heldUp++;
        this.goOn(caller, key, lane);
      }, this.patienceMs);
      await this.storeTogether(caller, take(lane.waiting));
      clearTimeout(timer);
      if (isHeldUp) lane.heldUp--;
    }
    lane.underWay--;
    if (lane.underWay === 0) this.lanes.delete(key);
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
function keyOf({ orgId, id, keyId, role, tokenExpiresAt }: Principal): string {
  return JSON.stringify([orgId, id, keyId, role, tokenExpiresAt]);
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
