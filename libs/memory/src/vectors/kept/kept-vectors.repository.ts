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

/** Those that there are. */
export function findVectors(
  unit: Unit,
  orgId: string,
  { spaceId, poolIds, memoryIds }: WantedVectors,
): Promise<StoredVector[]> {
  const text = `select memory_id as id, halfvec_send(embedding) as vector from memory_vector
    where org_id = $1 and space_id = $2 and pool_id = any($3::uuid[]) and memory_id = any($4::uuid[])`;
  return unit.query<StoredVector>({ name: 'vectors_of', text, values: [orgId, spaceId, poolIds, memoryIds] });
}
