import type { AccessService } from '#access';
import type { Unit } from '#platform';
import type { IndexSpace, ReadScope } from '../../memory.repository.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import type { Passage } from '../../recall/recipe.js';
import type { PoolTerms } from '../../recall/term-index/pool-terms.js';
import { nearestKnown, type Near, type PassageOf } from '../nearest.js';
import { MAX_NEAREST } from '../nearest.repository.js';
import { Best } from './best.js';
import { roundToHalf } from './halfvec.js';
import { findVectors } from './kept-vectors.repository.js';
import { PoolVectors } from './pool-vectors.js';
import { VectorArena } from './vector-arena.js';

/** Read at once, so that other requests are answered between two pages: of 1,536 numbers some 2 ms are spent here. */
const PAGE = 200;
/** So many that came without their vectors are asked for by a recall; where there are more, the database searches. */
const MOST_LACKING = 200;
/** Numbers that a search compares, about 0.1 ns each: more would keep all other requests waiting. */
const MOST_COMPARED = 16_000_000;
/** For another pool nothing is let go of that was searched so lately. */
const IN_USE_MS = 60_000;
/** Until then a pool that there was no room for is not tried again. */
const REFUSED_MS = 60_000;

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
  private readonly refusedUntil = new WeakMap<PoolTerms, number>();
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

  /** Begins to keep those of a pool, if there are searches by meaning. */
  keep(pool: PoolTerms): void {
    if (!this.arena || !this.spaceId || this.stopped || pool.vectors?.spaceId === this.spaceId) return;
    if ((this.refusedUntil.get(pool) ?? 0) > Date.now()) return;
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
    const inDatabase = nearestKnown(unit, scope, wanted, vector);
    const askDatabase: FindNear = ({ passageOf }) => inDatabase(passageOf);
    const query = Float32Array.from(vector, roundToHalf);
    const held = this.wholeOf(scope, pools);
    if (!held) return askDatabase;
    // Others may have been given their room meanwhile.
    const areHere = () => held.every(({ pool, vectors }) => pool.vectors === vectors);
    const answer: FindNear = (known) => (areHere() ? this.compare(held, query, known) : askDatabase(known));
    // Row by row one statement compares and decides: between two a memory may be given other words, and be hidden.
    const mostLacking = scope.filter.readsWhole() ? MOST_LACKING : 0;
    return (known) => {
      const lacking = held.flatMap(lackingOf);
      if (lacking.length === 0) return answer(known);
      if (lacking.length > mostLacking) return askDatabase(known);
      return this.fill(unit, scope, lacking).then(() => answer(known));
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
   * since they were read.
   */
  private wholeOf({ space }: ReadScope, pools: readonly PoolTerms[]): Held[] | undefined {
    this.searchedIn(space);
    for (const pool of pools) this.keep(pool);
    const held = pools.flatMap((pool): Held[] =>
      pool.vectors?.isWhole && pool.vectors.spaceId === this.spaceId ? [{ pool, vectors: pool.vectors }] : [],
    );
    const compared = held.reduce((sum, { vectors }) => sum + vectors.size, 0);
    if (held.length < pools.length || compared > MOST_COMPARED) return undefined;
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
        const passage = best.takes(cosine) ? passageAt(pool, place) : undefined;
        if (passage?.wanted) best.add({ passage, cosine });
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
      if (pool.vectors !== vectors || !vectors.lacking.has(place)) continue;
      if (!vectors.enter(place, vector) && !(this.makeRoom(pool) && vectors.enter(place, vector))) left.add(pool);
    }
    return left;
  }

  private async load(): Promise<void> {
    for (const pool of this.wanted) {
      try {
        await this.read(pool);
      } catch (error) {
        this.letGo(pool);
        this.onError(error);
      }
      this.wanted.delete(pool);
    }
  }

  private async read(pool: PoolTerms): Promise<void> {
    const { arena, spaceId } = this;
    this.letGo(pool);
    if (!arena || !spaceId) return;
    const vectors = new PoolVectors(arena, spaceId);
    pool.keep(vectors);
    this.use(pool);
    const all = lackingOf({ pool, vectors });
    for (let from = 0; from < all.length; from += PAGE) {
      const page = all.slice(from, from + PAGE);
      const left = await this.access.system('keep vectors', (unit) =>
        this.take(unit, { orgId: this.access.orgId, spaceId }, page),
      );
      // Whoever let go of them meanwhile has given back their room.
      if (pool.vectors !== vectors) return;
      if (left.size > 0 || vectors.lengthOfOne * all.length > MOST_COMPARED) return this.refuse(pool);
      if (this.stopped) return this.letGo(pool);
    }
    vectors.isWhole = true;
  }

  private refuse(pool: PoolTerms): void {
    this.letGo(pool);
    this.refusedUntil.set(pool, Date.now() + REFUSED_MS);
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

/** What a pool has held since a recall began. */
interface Held {
  pool: PoolTerms;
  vectors: PoolVectors;
}

interface Placed extends Held {
  place: number;
  id: string;
}

const lackingOf = ({ pool, vectors }: Held): Placed[] =>
  [...vectors.lacking].flatMap((place) => {
    const id = pool.rowAt(place)?.id;
    return id === undefined ? [] : [{ pool, vectors, place, id }];
  });
