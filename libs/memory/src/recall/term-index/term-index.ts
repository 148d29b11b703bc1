import type { AccessService } from '#access';
import type { Database, Unit } from '#platform';
import type { ReadScope } from '../../memory.repository.js';
import type { KeptVectors } from '../../vectors/kept/kept-vectors.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import { MAX_CANDIDATES } from '../recall.repository.js';
import type { Texts } from '../texts.js';
import { IndexedTexts } from './indexed-texts.js';
import { PoolTerms } from './pool-terms.js';
import {
  countActive,
  isLater,
  readChanges,
  readPage,
  seenNow,
  type Changes,
  type Seen,
} from './term-index.repository.js';
import { isTold } from './wanted.js';

/** Larger pools are searched in the database. */
const MOST_OF_POOL = MAX_CANDIDATES;
/** Read at once, so that other requests are answered between two pages: of 500 about 5 ms are spent here. */
const PAGE = 500;
/** What changed since the last look and is taken in by a request; of more the pool is read again in the background. */
const MOST_CHANGES = 1_000;
/** What nobody asks for is let go of, and with it what was forgotten since the last look. */
const KEPT_UNUSED_MS = 600_000;
/** For another pool nothing is let go of that was used so lately: where there are too many pools, each would push out the next. */
const IN_USE_MS = 60_000;
/** Tests of conditions, about 15 ns each: more would keep all other requests waiting. Beyond, Postgres decides. Enough for a simple one over all that is kept by default. */
const MOST_TESTS = 4_200_000;
/** What an empty pool takes, as if it were memories. */
const LEAST_SIZE = 50;
/** Until then a pool that is too large, or had no room, is not tried again. */
const REFUSED_MS = 60_000;

interface Kept {
  pool: PoolTerms;
  usedAt: number;
  /** Of the database, when it was read. */
  incarnation: number;
  /** Whether the last look found it as it was. */
  isCalm: boolean;
}

interface Asked {
  pool: PoolTerms;
  seen: Seen;
}

export interface Manner {
  /** The question's. */
  vector: readonly number[] | null;
  /** Whether to search what was last seen, where all would have to be asked again if it has changed. */
  inHaste: boolean;
}

/** What is kept of the pools that are recalled from. */
export interface KeptTexts {
  /** As they were at the last look. Undefined without haste, where that look had found changes, or where the policy has not decided all of them yet. */
  lastSeen: Texts | undefined;
  /** With what was written since: the same object where nothing was. Undefined where the database has to be asked. */
  current: Promise<Texts | undefined>;
}

/**
 * The terms of the pools that are recalled from, in the memory of this broker. Each recall takes in what was written since
 * the last one, in its own unit of work: what was acknowledged anywhere is found here at once, and what the caller may see is
 * decided by its policy as it is now.
 */
export class TermIndex {
  /** The least lately used first. */
  private readonly kept = new Map<string, Kept>();
  private readonly wanted = new Set<string>();
  private readonly refusedUntil = new Map<string, number>();
  private readonly readAnewAt = new Map<string, number>();
  private readonly sweeping = setInterval(() => this.sweep(), KEPT_UNUSED_MS / 10).unref();
  private building: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly access: AccessService,
    private readonly database: Pick<Database, 'incarnation'>,
    private readonly vectors: KeptVectors,
    /** How many memories are kept at most, of all pools together; 0 keeps none. */
    private readonly capacity: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Undefined where the database has to be asked: other memories than those that hold now are wanted, or a pool is not here yet. */
  texts(unit: Unit, scope: ReadScope, wanted: MemoryFilter, { vector, inHaste }: Manner): KeptTexts | undefined {
    const { filter, now, orgId } = scope;
    if (this.capacity === 0 || !isTold(wanted)) return undefined;
    if (vector) this.vectors.searchedIn(scope.space);
    const { incarnation } = this.database;
    const found = filter.poolIds.map((poolId) => this.find(poolId, incarnation));
    const kept = found.filter((pool) => pool !== undefined);
    if (kept.length < found.length) return undefined;
    const pools = kept.map(({ pool }) => pool);
    const near = vector && this.vectors.near(unit, scope, pools, { wanted, vector });
    const look = () => {
      if (pools.reduce((sum, pool) => sum + pool.testsFor(filter), 0) > MOST_TESTS) return undefined;
      return new IndexedTexts(pools, { filter, now, moment: wanted.moment?.at ?? now, wanted }, near);
    };
    // What the process remembers is not changed before the fence has answered: deciding is left to the look behind it.
    const isReady = inHaste && kept.every(({ isCalm, pool }) => isCalm && pool.testsFor(filter) === 0);
    const lastSeen = isReady ? look() : undefined;
    const spaceId = pools.some((pool) => pool.vectors) ? (scope.space?.spaceId ?? null) : null;
    const current = this.takeInChanges(unit, { orgId, spaceId }, pools).then((changed) => {
      if (changed === 'too much') return undefined;
      // Asked again for what has changed, it finds nothing new: that tells of no calm that was not there.
      for (const { pool, isCalm } of kept) this.use(pool, !changed.has(pool.poolId) && (inHaste || isCalm));
      return changed.size === 0 && lastSeen ? lastSeen : look();
    });
    return { lastSeen, current };
  }

  /** When all pools that were asked for are here. */
  async settled(): Promise<void> {
    while (this.building) await this.building;
    await this.vectors.settled();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.sweeping);
    await this.vectors.stop();
    await this.settled();
    this.kept.clear();
  }

  /** @returns the pools that have changed */
  private async takeInChanges(
    unit: Unit,
    of: { orgId: string; spaceId: string | null },
    pools: readonly PoolTerms[],
  ): Promise<ReadonlySet<string> | 'too much'> {
    const asked = pools.map((pool): Asked => ({ pool, seen: pool.seen }));
    const changes = await readChanges(
      unit,
      of,
      asked.map(({ pool, seen }) => ({ poolId: pool.poolId, seen })),
      MOST_CHANGES,
    );
    if (!this.takeIn(asked, changes)) return 'too much';
    return new Set(changes.rows.map(({ poolId }) => poolId));
  }

  private find(poolId: string, incarnation: number): Kept | undefined {
    const kept = this.kept.get(poolId);
    if (kept && kept.incarnation === incarnation && !kept.pool.isWorn) return kept;
    this.drop(poolId);
    this.want(poolId);
    return undefined;
  }

  private drop(poolId: string): void {
    const kept = this.kept.get(poolId);
    if (!kept) return;
    this.vectors.letGo(kept.pool);
    this.kept.delete(poolId);
  }

  /** Only what took part in a recall that was answered here counts as used: its changes were taken in. */
  private use(pool: PoolTerms, isCalm: boolean): void {
    const kept = this.kept.get(pool.poolId);
    if (kept?.pool !== pool) return;
    kept.usedAt = Date.now();
    kept.isCalm = isCalm;
    this.kept.delete(pool.poolId);
    this.kept.set(pool.poolId, kept);
  }

  /** False where there is too much of it, or where the server has seen less than before: then it is another one. */
  private takeIn(asked: readonly Asked[], { seen, rows }: Changes): boolean {
    const isTooMuch = rows.length >= MOST_CHANGES;
    const changed = new Set(rows.map(({ poolId }) => poolId));
    const lost = asked.filter((one) => isLater(one.seen, seen) || (isTooMuch && changed.has(one.pool.poolId)));
    for (const { pool } of lost) this.readAnew(pool);
    if (lost.length > 0) return false;
    // Another recall may have looked later than this one, and must not be undone.
    const behind = new Map(
      asked.flatMap(({ pool }) => (isLater(pool.seen, seen) ? [] : [[pool.poolId, pool] as const])),
    );
    for (const pool of behind.values()) {
      pool.takeIn(rows.filter(({ poolId }) => poolId === pool.poolId));
      pool.seen = seen;
    }
    if (rows.length > 0) for (const pool of behind.values()) this.keepWithin(pool);
    return true;
  }

  /** A pool that has outgrown its room is left to the database. */
  private keepWithin({ poolId, size }: PoolTerms): void {
    if (size <= MOST_OF_POOL && this.hasRoom(0)) return;
    this.drop(poolId);
    this.refuse(poolId);
  }

  private refuse(poolId: string): void {
    this.refusedUntil.set(poolId, Date.now() + REFUSED_MS);
  }

  /** The second time in a minute later: what changes so much would be read for nothing. */
  private readAnew({ poolId }: PoolTerms): void {
    const before = this.readAnewAt.get(poolId) ?? -Infinity;
    this.drop(poolId);
    this.readAnewAt.set(poolId, Date.now());
    if (Date.now() - before < REFUSED_MS) this.refuse(poolId);
    else this.want(poolId);
  }

  private want(poolId: string): void {
    if (this.stopped || (this.refusedUntil.get(poolId) ?? 0) > Date.now()) return;
    this.refusedUntil.delete(poolId);
    this.wanted.add(poolId);
    this.building ??= this.build().finally(() => {
      this.building = undefined;
    });
  }

  private async build(): Promise<void> {
    for (const poolId of this.wanted) {
      try {
        if (!this.stopped) await this.read(poolId);
      } catch (error) {
        // The next recall asks for it again.
        this.onError(error);
      }
      this.wanted.delete(poolId);
    }
  }

  private async read(poolId: string): Promise<void> {
    const { orgId } = this.access;
    const { incarnation } = this.database;
    const inUnit = <Result>(work: (unit: Unit) => Promise<Result>) => this.access.system('keep terms', work);
    const { seen, count } = await inUnit(async (unit) => ({
      seen: await seenNow(unit),
      count: await countActive(unit, orgId, poolId),
    }));
    if (count > Math.min(MOST_OF_POOL, this.capacity) || !this.hasRoom(count)) {
      this.refuse(poolId);
      return;
    }
    const pool = new PoolTerms(poolId, seen);
    for (let after: string | null = null; ;) {
      const page = await inUnit((unit) => readPage(unit, orgId, { poolId, after }, PAGE));
      pool.takeIn(page);
      after = page.at(-1)?.id ?? null;
      if (page.length < PAGE || this.stopped) break;
    }
    this.drop(poolId);
    this.kept.set(poolId, { pool, usedAt: Date.now(), incarnation, isCalm: true });
    this.vectors.keep(pool);
  }

  /** For so many more; what is not in use makes room for them. */
  private hasRoom(count: number): boolean {
    const fits = () => this.total() + count <= this.capacity;
    this.letGo(IN_USE_MS, fits);
    return fits();
  }

  /** Lets go of pools that were not used for so long, the least lately used first, until it is enough. */
  private letGo(unusedMs: number, isEnough: () => boolean): void {
    const since = Date.now() - unusedMs;
    for (const [poolId, { usedAt }] of this.kept) {
      if (usedAt > since || isEnough()) break;
      this.drop(poolId);
    }
  }

  private sweep(): void {
    this.letGo(KEPT_UNUSED_MS, () => false);
    const now = Date.now();
    for (const [poolId, until] of this.refusedUntil) if (until < now) this.refusedUntil.delete(poolId);
    for (const [poolId, at] of this.readAnewAt) if (at < now - REFUSED_MS) this.readAnewAt.delete(poolId);
  }

  private total(): number {
    let total = 0;
    for (const { pool } of this.kept.values()) total += Math.max(pool.size, LEAST_SIZE);
    return total;
  }
}
