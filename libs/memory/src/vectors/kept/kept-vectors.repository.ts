import type { Unit } from '#platform';

export interface StoredVector {
  id: string;
  /** As halfvec_send writes it. */
  vector: Buffer;
}

/** Those that there are in the space. */
export function findVectors(
  unit: Unit,
  orgId: string,
  spaceId: string,
  memoryIds: readonly string[],
): Promise<StoredVector[]> {
  const text = `select memory_id as id, halfvec_send(embedding) as vector from memory_vector
    where org_id = $1 and space_id = $2 and memory_id = any($3::uuid[])`;
  return unit.query<StoredVector>({ name: 'vectors_of', text, values: [orgId, spaceId, memoryIds] });
}
