import type { AccessService } from '#access';
import { newId } from '#kernel';
import { Rounds, type Database } from '#platform';
import {
  cancelBuilds,
  createIndex,
  dropIndex,
  findCurrentSpace,
  findPoolStates,
  findRetiredSpaces,
  indexesOf,
  indexState,
  moveVectors,
  ownIndexName,
  setTier,
  sharedIndexName,
  type PoolState,
} from './vector-indexes.repository.js';
import { SearchCosts } from './search-costs.js';
import { tierOf, type Tier } from './vector-plan.js';

const BATCH = 1_000;
const FIRST_AFTER_MS = 5_000;
const EVERY_MS = 60_000;
/** A writer hears of a move with its next unit of work; ten times what one may take. */
const STRAGGLERS_MS = 300_000;
/** pgvector's own limit for an index on halfvec. */
const MAX_DIMENSIONS = 4_000;

interface Space {
  spaceId: string;
  dimensions: number;
}

/**
 * Moves pools that have grown or shrunk to the index that suits their size. A pool is answered for by its old index, or
 * exactly, until the new one holds it whole: to stop at any step, or to take it twice at once, loses nothing.
 */
export class VectorIndexes {
  /** As this process has seen them; by pool. */
  private readonly settled = new Map<string, { state: string; since: number }>();
  private readonly id = newId();
  private readonly rounds: Rounds;
  private building = false;

  constructor(
    private readonly access: AccessService,
    private readonly database: Database,
    private readonly onError: (error: unknown) => void,
    private readonly costs = new SearchCosts(),
  ) {
    this.rounds = new Rounds(() => this.run(), { pauseMs: () => EVERY_MS, onError });
  }

  /** On the embedded database every search is exact: at its sizes that is faster. */
  start(): void {
    if (this.database.kind === 'postgres') this.rounds.within(FIRST_AFTER_MS);
  }

  /** Waits for the batch that is under way. An index that is being built is given up, for that may take minutes. */
  async stop(): Promise<void> {
    const stopped = this.rounds.stop();
    if (this.building) await cancelBuilds(this.database, this.id).catch(this.onError);
    await stopped;
  }

  /** Every pool that has to move, one after the other. @returns how many did */
  async run(): Promise<number> {
    const { orgId } = this.access;
    await this.dropRetired();
    const [space, pools] = await this.access.system('plan vector indexes', async (unit) => {
      const current = await findCurrentSpace(unit, orgId);
      return [current, current ? await findPoolStates(unit, orgId, current.spaceId) : []] as const;
    });
    if (!space || space.dimensions > MAX_DIMENSIONS) return 0;
    let moved = 0;
    for (const pool of pools) {
      if (this.rounds.stopped) break;
      const tier = tierOf(pool.memories, pool.tier);
      const isSettled = tier === pool.tier && pool.shared === (tier === 'SHARED');
      if (isSettled) await this.keep(space, pool);
      else if (await this.move(space, pool, tier)) moved++;
    }
    if (!this.rounds.stopped && (await indexState(this.database, sharedIndexName(space.spaceId))) === 'VALID')
      await this.costs.measure(this.access, { orgId, ...space });
    return moved;
  }

  /**
   * For some minutes after a move, what was embedded by a writer that had not heard of it is brought after it: to look for such
   * reads all vectors of the pool. An index that is gone is built again, whoever dropped it.
   */
  private async keep(space: Space, { poolId, tier, shared }: PoolState): Promise<void> {
    const state = `${space.spaceId} ${tier} ${shared}`;
    const seen = this.settled.get(poolId);
    if (seen?.state !== state) this.settled.set(poolId, { state, since: Date.now() });
    if (seen?.state !== state || Date.now() - seen.since < STRAGGLERS_MS) await this.moveAll(space, poolId, shared);
    if (tier !== 'EXACT') await this.build(space, tier === 'OWN' ? poolId : null);
  }

  /** @returns false where it could not be finished yet */
  private async move(space: Space, pool: PoolState, tier: Tier): Promise<boolean> {
    if (tier === 'SHARED') return this.share(space, pool);
    if (tier === 'OWN' && !(await this.build(space, pool.poolId))) return false;
    await this.settle(space, pool.poolId, { tier, shared: false });
    await this.moveAll(space, pool.poolId, false);
    if (tier === 'EXACT' && pool.tier === 'OWN') await this.drop(space, pool.poolId);
    return true;
  }

  /** New vectors enter first, then the old ones, and then it answers. */
  private async share(space: Space, pool: PoolState): Promise<boolean> {
    await this.settle(space, pool.poolId, { tier: pool.tier, shared: true });
    if (!(await this.moveAll(space, pool.poolId, true)) || !(await this.build(space, null))) return false;
    await this.settle(space, pool.poolId, { tier: 'SHARED', shared: true });
    if (pool.tier === 'OWN') await this.drop(space, pool.poolId);
    return true;
  }

  private async moveAll({ spaceId }: Space, poolId: string, shared: boolean): Promise<boolean> {
    for (let moved = BATCH; moved === BATCH;) {
      if (this.rounds.stopped) return false;
      moved = await this.access.system('move vectors', (unit) =>
        moveVectors(unit, this.access.orgId, { spaceId, poolId, shared }, BATCH),
      );
    }
    return true;
  }

  /** @returns whether it is there and whole */
  private async build(space: Space, poolId: string | null): Promise<boolean> {
    const name = poolId ? ownIndexName(space.spaceId, poolId) : sharedIndexName(space.spaceId);
    const state = await indexState(this.database, name);
    if (state === 'VALID') return true;
    // Another broker is at it: the next round finds it done.
    if (state === 'BUILDING' || this.rounds.stopped) return false;
    if (state === 'BROKEN') await dropIndex(this.database, name);
    this.building = true;
    try {
      await createIndex(this.database, name, { ...space, poolId, builder: this.id });
    } catch (error) {
      if (this.rounds.stopped) return false;
      throw error;
    } finally {
      this.building = false;
    }
    return (await indexState(this.database, name)) === 'VALID';
  }

  /** While the space is still there: one that is gone is known to nobody, and its indexes would stay. */
  private async dropRetired(): Promise<void> {
    const { orgId } = this.access;
    const spaces = await this.access.system('plan vector indexes', (unit) => findRetiredSpaces(unit, orgId));
    for (const spaceId of spaces)
      for (const name of await indexesOf(this.database, spaceId))
        if (!this.rounds.stopped) await dropIndex(this.database, name);
  }

  private drop({ spaceId }: Space, poolId: string): Promise<void> {
    return dropIndex(this.database, ownIndexName(spaceId, poolId));
  }

  private settle(space: Space, poolId: string, to: { tier: Tier; shared: boolean }): Promise<void> {
    return this.access.system('place vectors', (unit) =>
      setTier(unit, this.access.orgId, poolId, { ...to, spaceId: space.spaceId }),
    );
  }
}
