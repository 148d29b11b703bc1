import type { Principal } from '#access';
import type { CommonplaceError } from '#kernel';
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
  /** The batches under way that take long. */
  heldUp: Set<readonly Waiting[]>;
  waiting: Waiting[];
}

/**
 * A unit alone takes some 2 ms, one of fifty callers at once 50 ms: what lasts longer than this waits for a lock, or Postgres is far
 * away. With 25 ms busy lanes split, and sixteen callers of eight clients each stored 1,420 a second instead of 1,670.
 */
const PATIENCE_MS = 250;
const MOST_UNDER_WAY = 4;
/** Postgres gave a statement up, or would not begin it, for what others hold: nothing of the unit is stored. */
const REFUSED_FOR_OTHERS = new Set(['57014', '55P03', '40P01', '40001']);

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
    const lane = this.lanes.get(key) ?? { underWay: 0, heldUp: new Set(), waiting: [] };
    this.lanes.set(key, lane);
    return new Promise((done, failed) => {
      lane.waiting.push({ item, done, failed });
      this.goOn(caller, key, lane);
    });
  }

  private goOn(caller: Principal, key: string, lane: Lane): void {
    if (lane.underWay === lane.heldUp.size && lane.underWay < MOST_UNDER_WAY) void this.drain(caller, key, lane);
  }

  private async drain(caller: Principal, key: string, lane: Lane): Promise<void> {
    lane.underWay++;
    // Where another went on meanwhile, it leaves the rest to that one.
    while (lane.underWay - lane.heldUp.size === 1) {
      const batch = take(lane);
      if (batch.length === 0) break;
      const timer = setTimeout(() => {
        lane.heldUp.add(batch);
        this.goOn(caller, key, lane);
      }, this.patienceMs);
      await this.storeTogether(caller, batch);
      clearTimeout(timer);
      lane.heldUp.delete(batch);
    }
    lane.underWay--;
    if (lane.underWay === 0) this.lanes.delete(key);
  }

  private async storeTogether(caller: Principal, batch: readonly Waiting[]): Promise<void> {
    const items = batch.map(({ item }, index) => Object.assign(item, { index }));
    try {
      await this.store(caller, items);
    } catch (error) {
      if (isRefusedForOthers(error) && (await this.storeByPool(caller, batch))) return;
      // Postgres refused them, so none is stored: whichever it was must not take the others along.
      if (batch.length > 1 && sqlState(error)) for (const one of batch) await this.storeTogether(caller, [one]);
      else for (const { failed } of batch) failed(error);
      return;
    }
    if (isRefusedForOthers(errorOfAll(items)?.cause) && (await this.storeByPool(caller, batch))) return;
    for (const { done } of batch) done();
  }

  /** What one pool's lock had refused says nothing of the others. @returns false where there are no others */
  private async storeByPool(caller: Principal, batch: readonly Waiting[]): Promise<boolean> {
    const pools = byPool(batch);
    if (pools.length > 1) await Promise.all(pools.map((ofPool) => this.storeTogether(caller, ofPool)));
    return pools.length > 1;
  }
}

const isRefusedForOthers = (error: unknown): boolean => REFUSED_FOR_OTHERS.has(sqlState(error) ?? '');

/** Undefined where they ended differently. */
function errorOfAll([first, ...others]: readonly Item[]): CommonplaceError | undefined {
  return others.every(({ error }) => error === first?.error) ? first?.error : undefined;
}

function byPool(batch: readonly Waiting[]): Waiting[][] {
  const pools = new Map<string | null, Waiting[]>();
  for (const one of batch) {
    const { pool } = one.item.command;
    pools.set(pool, [...(pools.get(pool) ?? []), one]);
  }
  return [...pools.values()];
}

/** Everything that a unit of work is opened with: what is stored together is one principal's, under one key. */
function keyOf({ orgId, id, keyId, role, tokenExpiresAt }: Principal): string {
  return JSON.stringify([orgId, id, keyId, role, tokenExpiresAt]);
}

/**
 * As many as one statement takes, in their order, without those for a pool where one is held up. Of equal ones the first: the next
 * corroborates it. What names no pool may be equal to whatever says the same.
 */
function take(lane: Lane): Waiting[] {
  const heldPools = new Set([...lane.heldUp].flatMap((batch) => batch.map(({ item }) => item.command.pool)));
  const [taken, left]: [Waiting[], Waiting[]] = [[], []];
  const said = new Set<string>();
  let bytes = 0;
  let isFull = false;
  for (const one of lane.waiting) {
    const { command } = one.item;
    if (!isFull && !heldPools.has(command.pool)) {
      const hash = contentHash(command).toString('hex');
      const named = `${hash} ${command.pool ?? ''}`;
      bytes += Buffer.byteLength(command.content);
      const isEqual = said.has(command.pool === null ? hash : named) || said.has(`${hash} `);
      isFull = isEqual || taken.length >= LIMITS.batch || (taken.length > 0 && bytes > LIMITS.batchBytes);
      said.add(hash).add(named);
    }
    (isFull || heldPools.has(command.pool) ? left : taken).push(one);
  }
  lane.waiting = left;
  return taken;
}
