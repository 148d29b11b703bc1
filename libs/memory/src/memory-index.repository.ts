import { binaryArray, type Statement, type Unit } from '#platform';

export interface Vector {
  spaceId: string;
  memoryId: string;
  poolId: string;
  embedding: number[];
}

/**
 * Stores the vectors; a memory that is not in its pool, was forgotten or has one meanwhile is left as it is, and so is a space that went.
 * The pool and `stands` are there for the plan that is kept: without them it was, on empty tables, one that goes through all memories.
 */
export function vectorsStatement(orgId: string, vectors: readonly Vector[]): Statement {
  // One array of all their numbers: an array of halfvec can be bound as text alone, which took Postgres 0.09 ms a vector to read.
  const text = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding, shared)
    select $1, v.space_id, v.memory_id, v.pool_id, ($7::real[])[v.first : v.last]::halfvec,
      (select p.vector_shared from pool p where p.org_id = $1 and p.pool_id = v.pool_id)
    from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::integer[]) as v (space_id, memory_id, pool_id, first, last)
    join embedding_space s on s.org_id = $1 and s.space_id = v.space_id
    cross join lateral (
      select m.content is not null as stands from memory m
      where m.org_id = $1 and m.pool_id = v.pool_id and m.memory_id = v.memory_id offset 0
    ) m
    where m.stands
    on conflict (org_id, space_id, memory_id) do nothing`;
  const column = (name: Exclude<keyof Vector, 'embedding'>) => binaryArray.uuid(vectors.map((vector) => vector[name]));
  let end = 0;
  const lasts = vectors.map(({ embedding }) => (end += embedding.length));
  const firsts = vectors.map(({ embedding }, nth) => (lasts[nth] as number) - embedding.length + 1);
  const numbers = binaryArray.float4(vectors.map(({ embedding }) => embedding));
  const places = [firsts, lasts].map(binaryArray.int4);
  const values = [orgId, column('spaceId'), column('memoryId'), column('poolId'), ...places, numbers];
  return { name: 'memory_vectors', text, values };
}

export async function insertVectors(unit: Unit, orgId: string, vectors: readonly Vector[]): Promise<void> {
  await unit.query(vectorsStatement(orgId, vectors));
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
