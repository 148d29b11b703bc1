import type { Unit } from '#platform';

const POOL_LOCK = 4_823_905;

/**
 * Who numbers events of several pools in one unit of work takes them in one order, by advisory locks that last as long as the unit: an
 * update takes rows as its plan has them. In order of the locks and not of the ids, for two pools may share a lock.
 */
export const poolLockOrder = (poolId: string): string => `hashtext(${poolId}::text)`;

export const poolLock = (poolId: string): string => `pg_advisory_xact_lock(${POOL_LOCK}, ${poolLockOrder(poolId)})`;

/** Behind the locks of memories, and before the first event. */
export async function lockPools(unit: Unit, poolIds: readonly string[]): Promise<void> {
  const text = `select ${poolLock('pool_id')}
    from (select pool_id from unnest($1::uuid[]) as p (pool_id) order by ${poolLockOrder('pool_id')}) p`;
  await unit.query({ name: 'lock_pools', text, values: [poolIds] });
}
