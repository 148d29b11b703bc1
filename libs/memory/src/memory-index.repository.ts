import { newId } from '#kernel';
import type { Unit } from '#platform';
import { toSql } from 'pgvector';

export interface Vector {
  memoryId: string;
  poolId: string;
  embedding: number[];
}

/** The newest space of the model; undefined before its first vector. */
export async function findSpace(
  unit: Unit,
  orgId: string,
  model: string,
): Promise<{ spaceId: string; dimensions: number } | undefined> {
  const text = `select space_id as "spaceId", dimensions from embedding_space
    where org_id = $1 and model = $2 order by created_at desc limit 1`;
  return (await unit.query<{ spaceId: string; dimensions: number }>({ text, values: [orgId, model] }))[0];
}

export async function makeSpace(unit: Unit, orgId: string, model: string, dimensions: number): Promise<string> {
  const text = `insert into embedding_space (org_id, space_id, model, dimensions) values ($1, $2, $3, $4)
    on conflict (org_id, model, dimensions) do update set model = excluded.model returning space_id as "spaceId"`;
  const [row] = await unit.query<{ spaceId: string }>({ text, values: [orgId, newId(), model, dimensions] });
  return (row as { spaceId: string }).spaceId;
}

/** Stores the vectors; a memory that was forgotten or has one meanwhile is left as it is. */
export async function insertVectors(
  unit: Unit,
  orgId: string,
  spaceId: string,
  vectors: readonly Vector[],
): Promise<void> {
  const text = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding)
    select $1, $2, v.memory_id, v.pool_id, v.embedding::halfvec
    from unnest($3::uuid[], $4::uuid[], $5::text[]) as v (memory_id, pool_id, embedding)
    join memory m on m.org_id = $1 and m.memory_id = v.memory_id and m.content is not null
    on conflict (org_id, space_id, memory_id) do nothing`;
  const embeddings = vectors.map((vector) => toSql(vector.embedding));
  const values = [orgId, spaceId, vectors.map((v) => v.memoryId), vectors.map((v) => v.poolId), embeddings];
  await unit.query({ text, values });
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
