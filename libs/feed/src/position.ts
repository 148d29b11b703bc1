import type { DirectoryPool } from '#access';
import type { Position } from './cursor.js';

/** A pool is as old as the start of its transaction, which may lie before a cursor that could not see it yet. */
const CREATION_MARGIN_MS = 60_000;

/** Whether `far` is nowhere behind `near`, in the pools of `far`. */
export function covers(far: ReadonlyMap<string, number>, near: ReadonlyMap<string, number>): boolean {
  for (const [poolId, seq] of far) if (seq < (near.get(poolId) ?? 0)) return false;
  return true;
}

/**
 * A position in the pools of `heads`, and whether those are others. Of a pool that is newer than the position every event
 * is told; of one that was only gained since, what comes from now on. Within the margin an event may be told twice, and
 * none is missed.
 */
export function rebase(
  from: Position,
  heads: ReadonlyMap<string, number>,
  pools: readonly DirectoryPool[],
): { position: Position; changed: boolean } {
  const createdAt = new Map(pools.map((pool) => [pool.id, pool.createdAt.getTime()]));
  const isNew = (poolId: string) => (createdAt.get(poolId) ?? 0) > from.takenAt.getTime() - CREATION_MARGIN_MS;
  let changed = [...from.seqs.keys()].some((id) => !heads.has(id));
  const seqs = new Map<string, number>();
  for (const [poolId, head] of heads) {
    const known = from.seqs.get(poolId);
    changed ||= known === undefined;
    seqs.set(poolId, known ?? (isNew(poolId) ? 0 : head));
  }
  return { position: { ...from, seqs }, changed };
}
