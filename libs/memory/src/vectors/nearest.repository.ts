import { SqlParams } from '#access';
import type { Statement, Unit } from '#platform';
import { toSql } from 'pgvector';
import { visible, type ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { passageColumns } from '../recall/recall.repository.js';
import type { Passage } from '../recall/recipe.js';
import type { Placement } from './vector-plan.js';

export type Nearest = Passage & { cosine: number };

/** Of so many nearest vectors those are taken that the caller may read and wants. */
export const MAX_LOOKED = 200;
/** And of those so many, or all are compared: how many the others took of the first must not show. */
export const MAX_NEAREST = 100;

export interface Placements {
  pools: Placement[];
  /** Memories in the shared index, of all pools. */
  indexed: number;
  /** Of the space's vectors. */
  dimensions: number | null;
}

export async function findPlacements(unit: Unit, { orgId, filter, space }: ReadScope): Promise<Placements> {
  const text = `select pool_id as "poolId", memories, case when vector_space = $3 then vector_tier else 'EXACT' end as tier,
      (select coalesce(sum(memories), 0)::integer from pool where org_id = $1 and vector_space = $3 and vector_tier = 'SHARED') as indexed,
      (select dimensions from embedding_space where org_id = $1 and space_id = $3) as dimensions
    from pool where org_id = $1 and pool_id = any($2::uuid[])`;
  const values = [orgId, filter.poolIds, space?.spaceId ?? null];
  const rows = await unit.query<Placement & Omit<Placements, 'pools'>>({ name: 'vector_placements', text, values });
  const pools = rows.map(({ poolId, memories, tier }) => ({ poolId, memories, tier }));
  return { pools, indexed: rows[0]?.indexed ?? 0, dimensions: rows[0]?.dimensions ?? null };
}

const isReadable = (scope: ReadScope, params: SqlParams): string =>
  `${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}`;

/**
 * The nearest memories by meaning, exactly: every readable vector is compared, whatever the policy and the filter leave.
 * `+ 0` keeps the planner from an approximate index, which loses most of what a narrow caller may see.
 */
export function nearestExactly(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  const params = new SqlParams();
  const distance = `(v.embedding <=> ${params.add(toSql(vector), 'halfvec')})`;
  const text = `select p.*, 1 - ${distance} as cosine from memory_vector v ${byId('v', scope, filter, params)}
    where v.org_id = ${params.add(scope.orgId, 'uuid')} and v.space_id = ${params.add(scope.space?.spaceId ?? null, 'uuid')}
      and v.pool_id = any(${params.add(scope.filter.poolIds, 'uuid[]')}) and p.wanted
    order by ${distance} + 0 limit ${params.add(MAX_NEAREST, 'integer')}`;
  return unit.query<Nearest>({ text, values: params.values, keep: true });
}

/**
 * The memories `p` behind vectors, each looked up by its id: while a table has no statistics yet, a join that the planner may
 * turn round went through all memories of the pools for every vector, and 63,000 took more than 15 s.
 */
function byId(vectors: string, scope: ReadScope, filter: MemoryFilter, params: SqlParams): string {
  return `cross join lateral (
      select ${passageColumns(scope, filter, params)} from memory m
      where m.memory_id = ${vectors}.memory_id and ${isReadable(scope, params)} offset 0
    ) p`;
}

export interface NearFirst {
  vector: readonly number[];
  /** Null: every vector of the scope's pools is compared. */
  index: { dimensions: number; ownPoolId: string | null } | null;
}

/** The nearest {@link MAX_LOOKED} vectors, whoever may read what they stand for: by `memory_id`, `pool_id` and `distance`. */
function nearVectors(scope: ReadScope, { vector, index }: NearFirst, params: SqlParams): string {
  const asked = params.add(toSql(vector), 'halfvec');
  const pools = () => `v.pool_id = any(${params.add(scope.filter.poolIds, 'uuid[]')})`;
  const space = () => uuid(scope.space?.spaceId ?? '');
  const org = () => `v.org_id = ${params.add(scope.orgId, 'uuid')}`;
  // Space, pool and dimensions stand in the text: only so does Postgres know the index for the one that it may use. The organisation
  // does where the plan is for all values: of any organisation, it may hold too little for an index to be worth its while.
  const { distance, within } = index
    ? {
        distance: `(v.embedding::halfvec(${Number(index.dimensions)})) <=> ${asked}(${Number(index.dimensions)})`,
        within: index.ownPoolId
          ? `v.org_id = '${uuid(scope.orgId)}' and v.pool_id = '${uuid(index.ownPoolId)}' and v.space_id = '${space()}'`
          : `${org()} and ${pools()} and v.shared and v.space_id = '${space()}'`,
      }
    : {
        distance: `(v.embedding <=> ${asked}) + 0`,
        within: `${org()} and ${pools()} and v.space_id = ${params.add(scope.space?.spaceId ?? null, 'uuid')}`,
      };
  return `select v.memory_id, v.pool_id, ${distance} as distance from memory_vector v
      where ${within}
      order by ${distance} limit ${MAX_LOOKED}`;
}

/**
 * Those of the nearest {@link MAX_LOOKED} that the caller may read and wants, {@link MAX_NEAREST} at most; `looked` says of how many.
 * The memories behind the vectors are read one by one, from the nearest on, until there are so many. `+ 0`, or PostgreSQL 17 and later
 * take what an index gives in relaxed order for sorted.
 */
export async function nearestFirst(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  asked: NearFirst,
): Promise<{ found: Nearest[]; looked: number }> {
  const params = new SqlParams();
  const text = `with near as materialized (${nearVectors(scope, asked, params)})
    select found.*, (select count(*) from near) as looked from (values (1)) as one (row) left join (
      select p.*, 1 - near.distance as cosine from (select memory_id, distance + 0 as distance from near order by distance) near ${byId('near', scope, filter, params)}
      where p.wanted order by near.distance limit ${MAX_NEAREST}
    ) found on true`;
  const rows = await unit.query<Nearest & { looked: number }>({ text, values: params.values, ...planOf(asked) });
  const looked = rows[0]?.looked ?? 0;
  return { found: rows.filter(({ id }) => id !== null), looked };
}

/** A vector, and nothing of the memory that it stands for. */
export interface NearVector {
  id: string;
  poolId: string;
  cosine: number;
}

/** The nearest {@link MAX_LOOKED}, for whoever knows which of them the caller may read. */
export function nearestVectors(unit: Unit, scope: ReadScope, asked: NearFirst): Promise<NearVector[]> {
  const params = new SqlParams();
  const text = `select memory_id as id, pool_id as "poolId", 1 - distance as cosine from (${nearVectors(scope, asked, params)}) near`;
  return unit.query<NearVector>({ text, values: params.values, ...planOf(asked) });
}

/** A pool with an index of its own is too large to be compared one by one; of others Postgres sees which is less, by their size. */
const planOf = ({ index }: NearFirst): Pick<Statement, 'keep' | 'plan'> =>
  index?.ownPoolId ? { keep: true, plan: 'generic' } : { keep: true };

/** For the unit: an index is asked on until it has found so many in the pools that are searched. */
export async function searchOn(unit: Unit): Promise<void> {
  await unit.query({
    name: 'vector_search_on',
    text: `select set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '${MAX_LOOKED}', true)`,
  });
}

export function uuid(text: string): string {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new Error('not the id of a space or a pool');
  return text;
}
