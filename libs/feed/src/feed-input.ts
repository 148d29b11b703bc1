import type { Grants, MemoryType } from '#access';
import { CommonplaceError } from '#kernel';
import { readablePoolIds, type Memory } from '#memory';
import { MAX_POOLS } from './cursor.js';
import { revoked } from './endings.js';

export interface FeedInput {
  pools?: string[] | null;
  types?: MemoryType[] | null;
  entityId?: string | null;
  /** Default: from now on. */
  after?: string | null;
}

export function isWanted(memory: Memory, { types, entityId }: Pick<FeedInput, 'types' | 'entityId'>): boolean {
  return (!types || types.includes(memory.type)) && (!entityId || memory.entityId === entityId);
}

/** @throws BAD_INPUT for a pool that does not exist for the caller; ACCESS_REVOKED where none is readable; QUOTA_EXCEEDED */
export function subscribedPools(grants: Grants, input: FeedInput): readonly string[] {
  const poolIds = readablePoolIds(grants, input.pools, 'input.pools');
  if (poolIds.length === 0) throw revoked('No pool of this subscription is yours to read.');
  checkWidth(poolIds);
  return [...new Set(poolIds)];
}

/**
 * The pools of a running subscription: one that was named and is no longer there for the caller is lost, and no mistake of its.
 * @throws ACCESS_REVOKED, QUOTA_EXCEEDED
 */
export function stillReadable(grants: Grants, input: FeedInput): readonly string[] {
  const named = input.pools && new Set(input.pools);
  const keys = named && new Map(grants.pools.map((pool) => [pool.id, pool.key]));
  const poolIds = grants.readFilter.poolIds.filter((id) => !named || named.has(keys?.get(id) as string));
  if (poolIds.length === 0) throw revoked('No pool of this subscription is yours to read any more.');
  checkWidth(poolIds);
  return poolIds;
}

export function checkWidth(poolIds: readonly string[]): void {
  if (poolIds.length <= MAX_POOLS) return;
  throw new CommonplaceError(
    'QUOTA_EXCEEDED',
    `A feed follows at most ${MAX_POOLS} pools, and you may see ${poolIds.length}: subscribe with pools, to some of them.`,
  );
}
