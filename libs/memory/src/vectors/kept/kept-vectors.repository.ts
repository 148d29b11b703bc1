import type { Unit } from '#platform';

export interface StoredVector {
  id: string;
  /** As halfvec_send writes it. */
  vector: Buffer;
}

export interface WantedVectors {
  spaceId: string;
  /** Those of the memories. */
  poolIds: readonly string[];
  memoryIds: readonly string[];
}

/** Those that there are, each looked up by its memory: of a table without statistics the planner may go through all of a pool's instead. */
export function findVectors(
  unit: Unit,
  orgId: string,
  { spaceId, poolIds, memoryIds }: WantedVectors,
): Promise<StoredVector[]> {
  const text = `select wanted.memory_id as id, found.vector from unnest($4::uuid[]) as wanted (memory_id)
    cross join lateral (
      select halfvec_send(v.embedding) as vector from memory_vector v
      where v.org_id = $1 and v.space_id = $2 and v.memory_id = wanted.memory_id and v.pool_id = any($3::uuid[]) offset 0
    ) found`;
  return unit.query<StoredVector>({ name: 'vectors_of', text, values: [orgId, spaceId, poolIds, memoryIds] });
}
