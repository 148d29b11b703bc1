import type { AccessService } from '#access';
import type { Unit } from '#platform';
import type { IndexSpace, ReadScope } from '../../memory.repository.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import type { Passage } from '../../recall/recipe.js';
import type { PoolTerms } from '../../recall/term-index/pool-terms.js';
import { nearestKnown, type Near, type PassageOf } from '../nearest.js';
import { MAX_NEAREST } from '../nearest.repository.js';
import { Best } from './best.js';
import { halvesOf } from './halfvec.js';
import { findVectors } from './kept-vectors.repository.js';
import { PoolVectors } from './pool-vectors.js';
import { VectorArena } from './vector-arena.js';

/** Read at once, so that other requests are answered between two pages: of 1,536 numbers some 3 ms are spent here. */
const PAGE = 200;
/** So many that came without their vectors are asked for by a recall; where there are more, the database searches. */
const MOST_LACKING = 200;
/** Numbers that a search compares, in 1.7 ms: more would keep all other requests waiting. */
const MOST_COMPARED = 8_000_000;
/** For another pool nothing is let go of that was searched so lately. */
const IN_USE_MS = 60_000;
/** Until then a pool is not tried again that there was no room for, could not be read, or lacks many. */
const PAUSE_MS = 60_000;

interface Question {
  wanted: MemoryFilter;
  vector: readonly number[];
}

/** What is known of the memories of the searched pools, as they may be read; undefined where nothing is. */
export interface Known {
  passageOf: PassageOf;
  passageAt: (pool: PoolTerms, place: number) => Passage | undefined;
}

export type FindNear = (known: Known) => Near[] | Promise<Near[]>;

/**
 * The vectors of pools whose terms are kept, in the memory of this broker. A vector stays what it is as long as its memory stays
 * what it is: what is written brings its own along, among the changes that a recall takes in, and what was embedded later is asked for.
 */
export class KeptVectors {
  private readonly arena: VectorArena | undefined;
  /** When they were last searched, the least lately searched first. */
  private readonly held = new Map<PoolTerms, number>();
  private readonly wanted = new Set<PoolTerms>();
  private readonly pausedUntil = new WeakMap<PoolTerms, number>();
  private spaceId: string | undefined;
  private loading: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly access: AccessService,
    /** Room for so many megabytes; 0 keeps none. */
    megabytes: number,
    private readonly onError: (error: unknown) => void,
  ) {
    this.arena = VectorArena.of(megabytes);
  }

  /** Those of this space are worth keeping. */
  searchedIn(space: IndexSpace | null): void {
    this.spaceId = space?.spaceId;
  }

  /** Begins to keep those of a pool, if there are searches by meaning; or asks again for those of it that are lacking, if they are many. */
  keep(pool: PoolTerms): void {
    if (!this.arena || !this.spaceId || this.stopped || (this.pausedUntil.get(pool) ?? 0) > Date.now()) return;
    const isHeld = pool.vectors?.spaceId === this.spaceId;
    if (isHeld && lackingIn([pool.vectors]) <= MOST_LACKING) return;
    this.wanted.add(pool);
    this.loading ??= this.load().finally(() => {
      this.loading = undefined;
    });
  }

  letGo(pool: PoolTerms): void {
    pool.vectors?.release();
    pool.vectors = undefined;
    this.held.delete(pool);
    this.wanted.delete(pool);
  }

  /** As `nearest`, of what is known: compared here where all vectors of the pools are, and else by the database. */
  near(unit: Unit, scope: ReadScope, pools: readonly PoolTerms[], { wanted, vector }: Question): FindNear {
    const asked = { filter: wanted, vector };
    const askDatabase: FindNear = ({ passageOf }) => nearestKnown(unit, scope, asked, passageOf);
    const held = this.wholeOf(scope, pools, vector.length);
    if (!held) return askDatabase;
    const query = halvesOf(vector);
    const readsWhole = scope.filter.readsWhole();
    const isAsItWas = ({ pool, vectors, fills }: Held) =>
      pool.vectors === vectors && (readsWhole || vectors.fills === fills);
    const answer: FindNear = (known) => (held.every(isAsItWas) ? this.compare(held, query, known) : askDatabase(known));
    return (known) => {
      const lacking = lackingIn(held.map(({ vectors }) => vectors));
      if (lacking === 0) return answer(known);
      if (lacking > MOST_LACKING) return askDatabase(known);
      return this.fill(unit, scope, held.flatMap(lackingOf)).then(() => answer(known));
    };
  }

  /** When all that were to be kept are. */
  async settled(): Promise<void> {
    while (this.loading) await this.loading;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.settled();
    for (const pool of [...this.held.keys()]) this.letGo(pool);
  }

  /**
   * Undefined where some are not here. They have to be before anything of the recall is sent: then it hears of all that has changed
   * since they were read. What is filled in later may be of other words than the recall has heard of, and hidden: row by row the
   * database then compares and decides, in one statement.
   */
  private wholeOf({ space }: ReadScope, pools: readonly PoolTerms[], dimensions: number): Held[] | undefined {
    this.searchedIn(space);
    for (const pool of pools) this.keep(pool);
    const held = pools.flatMap((pool): Held[] => {
      const { vectors } = pool;
      if (!vectors?.isWhole || vectors.spaceId !== this.spaceId) return [];
      return [0, dimensions].includes(vectors.dimensions) ? [{ pool, vectors, fills: vectors.fills }] : [];
    });
    const all = held.map(({ vectors }) => vectors);
    const compared = all.reduce((sum, { size }) => sum + size, 0);
    if (all.length < pools.length || compared > MOST_COMPARED || lackingIn(all) > MOST_LACKING) return undefined;
    for (const pool of pools) this.use(pool);
    return held;
  }

  private use(pool: PoolTerms): void {
    this.held.delete(pool);
    this.held.set(pool, Date.now());
  }

  private compare(held: readonly Held[], query: Float32Array, { passageAt }: Known): Near[] {
    const best = new Best<Near>(MAX_NEAREST);
    this.arena?.ask(query);
    for (const { pool, vectors } of held)
      vectors.forEach(query, (place, cosine) => {
        const passage = cosine > best.least ? passageAt(pool, place) : undefined;
        if (passage?.wanted) best.add({ passage, cosine });
        return best.least;
      });
    return best.inOrder();
  }

  /** Asks for what is lacking: what was embedded since it was taken in. */
  private async fill(unit: Unit, { orgId, space }: ReadScope, lacking: readonly Placed[]): Promise<void> {
    const left = await this.take(unit, { orgId, spaceId: space?.spaceId ?? '' }, lacking);
    for (const pool of left) this.refuse(pool);
  }

  /** @returns the pools that had no room for theirs */
  private async take(
    unit: Unit,
    { orgId, spaceId }: { orgId: string; spaceId: string },
    lacking: readonly Placed[],
  ): Promise<Set<PoolTerms>> {
    const byId = new Map(lacking.map((placed) => [placed.id, placed]));
    const poolIds = [...new Set(lacking.map(({ pool }) => pool.poolId))];
    const found = await findVectors(unit, orgId, { spaceId, poolIds, memoryIds: [...byId.keys()] });
    const left = new Set<PoolTerms>();
    for (const { id, vector } of found) {
      const { pool, place, vectors } = byId.get(id) as Placed;
      if (pool.vectors !== vectors || !vectors.lacking.has(place) || left.has(pool)) continue;
      let isTaken = vectors.enter(place, vector);
      while (!isTaken && this.makeRoom(pool)) isTaken = vectors.enter(place, vector);
      if (isTaken) vectors.fills++;
      else left.add(pool);
    }
    return left;
  }

  private async load(): Promise<void> {
    for (const pool of this.wanted) {
      if (this.stopped) break;
      try {
        await this.read(pool);
      } catch (error) {
        this.refuse(pool);
        this.onError(error);
      }
      this.wanted.delete(pool);
    }
  }

  private async read(pool: PoolTerms): Promise<void> {
    const { arena, spaceId } = this;
    if (!arena || !spaceId) return;
    if (pool.vectors?.spaceId !== spaceId) {
      this.letGo(pool);
      pool.keep(new PoolVectors(arena, spaceId));
      this.use(pool);
    }
    const vectors = pool.vectors as PoolVectors;
    const all = lackingOf({ pool, vectors });
    for (let from = 0; from < all.length; from += PAGE) {
      const page = all.slice(from, from + PAGE);
      const left = await this.access.system('keep vectors', (unit) =>
        this.take(unit, { orgId: this.access.orgId, spaceId }, page),
      );
      // Whoever let go of them meanwhile has given back their room.
      if (pool.vectors !== vectors) return;
      const isTooMuch = vectors.dimensions * pool.size > MOST_COMPARED || vectors.pagesFor(pool.size) > arena.capacity;
      if (left.size > 0 || isTooMuch) return this.refuse(pool);
      if (this.stopped) return this.letGo(pool);
    }
    vectors.isWhole = true;
    if (lackingIn([vectors]) > MOST_LACKING) this.pause(pool);
  }

  private refuse(pool: PoolTerms): void {
    this.letGo(pool);
    this.pause(pool);
  }

  private pause(pool: PoolTerms): void {
    this.pausedUntil.set(pool, Date.now() + PAUSE_MS);
  }

  /** By what was not searched for a while, and has the least lately been. @returns whether there was something */
  private makeRoom(pool: PoolTerms): boolean {
    for (const [other, usedAt] of this.held) {
      if (usedAt > Date.now() - IN_USE_MS) return false;
      if (other === pool) continue;
      this.letGo(other);
      return true;
    }
    return false;
  }
}

/** What a pool holds as a recall begins. */
interface Held {
  pool: PoolTerms;
  vectors: PoolVectors;
  /** How many were filled in by then. */
  fills: number;
}

interface Placed {
  pool: PoolTerms;
  vectors: PoolVectors;
  place: number;
  id: string;
}

const lackingIn = (all: readonly (PoolVectors | undefined)[]): number =>
  all.reduce((sum, vectors) => sum + (vectors?.lacking.size ?? 0), 0);

const lackingOf = ({ pool, vectors }: Pick<Held, 'pool' | 'vectors'>): Placed[] =>
  [...vectors.lacking].flatMap((place) => {
    const id = pool.rowAt(place)?.id;
    return id === undefined ? [] : [{ pool, vectors, place, id }];
  });
