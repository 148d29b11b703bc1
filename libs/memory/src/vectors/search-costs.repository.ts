import type { Unit } from '#platform';
import { MAX_LOOKED, uuid } from './nearest.repository.js';

/** A space with an index that pools share. */
export interface SharedSpace {
  orgId: string;
  spaceId: string;
  dimensions: number;
}

interface Sample {
  poolId: string;
  /** As Postgres writes a vector. */
  embedding: string;
}

const COMPARED = 5_000;

/** One vector of each of some pools in the shared index, the largest first. */
export function sampleVectors(unit: Unit, { orgId, spaceId }: SharedSpace, atMost: number): Promise<Sample[]> {
  const text = `select p.pool_id as "poolId", v.embedding::text as embedding
    from (select pool_id from pool where org_id = $1 and vector_space = $2 and vector_tier = 'SHARED' order by memories desc limit $3) p
    cross join lateral (
      select embedding from memory_vector where org_id = $1 and space_id = $2 and pool_id = p.pool_id and shared limit 1
    ) v`;
  return unit.query<Sample>({ text, values: [orgId, spaceId, atMost] });
}

export async function pingDatabase(unit: Unit): Promise<void> {
  await unit.query({ text: 'select 1' });
}

/** Compares vectors of a pool one by one. @returns how many */
export async function compareSome(
  unit: Unit,
  { orgId, spaceId }: SharedSpace,
  { poolId, embedding }: Sample,
): Promise<number> {
  const text = `select count(distance)::integer as count from (
      select (embedding <=> $4::halfvec) + 0 as distance from memory_vector
      where org_id = $1 and space_id = $2 and pool_id = $3 limit ${COMPARED}
    ) compared`;
  const rows = await unit.query<{ count: number }>({ text, values: [orgId, spaceId, poolId, embedding] });
  return rows[0]?.count ?? 0;
}

/** As a search does that may read all that the index holds. */
export async function searchSharedIndex(unit: Unit, space: SharedSpace, embedding: string): Promise<void> {
  const dimensions = Number(space.dimensions);
  const text = `select memory_id from memory_vector v where org_id = $1 and space_id = '${uuid(space.spaceId)}' and shared
    order by (embedding::halfvec(${dimensions})) <=> $2::halfvec(${dimensions}) limit ${MAX_LOOKED}`;
  await unit.query({ text, values: [space.orgId, embedding] });
}
