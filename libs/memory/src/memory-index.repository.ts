import type { Unit } from '#platform';
import { toSql } from 'pgvector';

export interface Vector {
  spaceId: string;
  memoryId: string;
  poolId: string;
  embedding: number[];
}

/** Stores the vectors; a memory that was forgotten or has one meanwhile is left as it is, and so is a space that went. */
export async function insertVectors(unit: Unit, orgId: string, vectors: readonly Vector[]): Promise<void> {
  const text = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding, shared)
    select $1, v.space_id, v.memory_id, v.pool_id, v.embedding::halfvec, p.vector_shared
    from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) as v (space_id, memory_id, pool_id, embedding)
    join memory m on m.org_id = $1 and m.memory_id = v.memory_id and m.content is not null
    join embedding_space s on s.org_id = $1 and s.space_id = v.space_id
    join pool p on p.org_id = $1 and p.pool_id = v.pool_id
    on conflict (org_id, space_id, memory_id) do nothing`;
  const column = (name: Exclude<keyof Vector, 'embedding'>) => vectors.map((vector) => vector[name]);
  const embeddings = vectors.map((vector) => toSql(vector.embedding));
  await unit.query({ text, values: [orgId, column('spaceId'), column('memoryId'), column('poolId'), embeddings] });
}

/** Of all spaces: none of them fits the memory any more. */
export async function deleteVectors(unit: Unit, orgId: string, memoryId: string): Promise<void> {
  await unit.query({
    text: 'delete from memory_vector where org_id = $1 and memory_id = $2',
    values: [orgId, memoryId],
  });
}

export interface Content {
  id: string;
  poolId: string;
  content: string;
}

/** What there is to embed of the memories: nothing of those forgotten. They are kept from being forgotten meanwhile. */
export function findContents(unit: Unit, orgId: string, ids: readonly string[]): Promise<Content[]> {
  const text = `select memory_id as id, pool_id as "poolId", content from memory
    where org_id = $1 and memory_id = any($2::uuid[]) and content is not null for key share`;
  return unit.query<Content>({ text, values: [orgId, ids] });
}
