import type { Database, Unit } from '#platform';
import type { Tier } from './vector-plan.js';

/** The database's names for indexes have 63 letters at most, and are of the whole database. */
const compact = (id: string) => id.replaceAll('-', '');
export const sharedIndexName = (spaceId: string): string => `vectors_${compact(spaceId)}`;
/** Of the pool by its last half: what is random of an id. */
export const ownIndexName = (spaceId: string, poolId: string): string =>
  `vectors_${compact(spaceId).slice(-20)}_${compact(poolId).slice(-20)}`;

export interface PoolState {
  poolId: string;
  memories: number;
  tier: Tier;
  /** Whether new vectors enter the shared index. */
  shared: boolean;
}

export function findPoolStates(unit: Unit, orgId: string, spaceId: string): Promise<PoolState[]> {
  const text = `select pool_id as "poolId", memories, vector_shared as shared,
      case when vector_space = $2 then vector_tier else 'EXACT' end as tier
    from pool where org_id = $1 and (memories >= 1000 or vector_tier <> 'EXACT' or vector_shared)`;
  return unit.query<PoolState>({ text, values: [orgId, spaceId] });
}

export async function findCurrentSpace(
  unit: Unit,
  orgId: string,
): Promise<{ spaceId: string; dimensions: number } | undefined> {
  const text = `select space_id as "spaceId", dimensions from embedding_space where org_id = $1 and state = 'CURRENT'`;
  return (await unit.query<{ spaceId: string; dimensions: number }>({ text, values: [orgId] }))[0];
}

/** Of the spaces that nobody searches any more. */
export async function findRetiredSpaces(unit: Unit, orgId: string): Promise<string[]> {
  const text = `select space_id as id from embedding_space where org_id = $1 and state = 'RETIRED'`;
  return (await unit.query<{ id: string }>({ text, values: [orgId] })).map(({ id }) => id);
}

/** The shared one and those of pools, whole or broken. */
export async function indexesOf(database: Database, spaceId: string): Promise<string[]> {
  const ownPrefix = ownIndexName(spaceId, '');
  const text = `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'memory_vector'::regclass and (c.relname = $1 or starts_with(c.relname, $2)) order by 1`;
  const { rows } = await database.maintenance<{ name: string }>(text, [sharedIndexName(spaceId), ownPrefix]);
  return rows.map(({ name }) => name);
}

export async function setTier(
  unit: Unit,
  orgId: string,
  poolId: string,
  to: { tier: Tier; spaceId: string; shared: boolean },
): Promise<void> {
  const text = `update pool set vector_tier = $3, vector_space = $4, vector_shared = $5 where org_id = $1 and pool_id = $2`;
  await unit.query({ text, values: [orgId, poolId, to.tier, to.spaceId, to.shared] });
}

/** @returns how many vectors were moved into the shared index or out of it; at most `atMost` */
export async function moveVectors(
  unit: Unit,
  orgId: string,
  { spaceId, poolId, shared }: { spaceId: string; poolId: string; shared: boolean },
  atMost: number,
): Promise<number> {
  // An array and no join, which the planner may turn into a walk through all vectors while there are no statistics of them.
  const text = `update memory_vector set shared = $4 where org_id = $1 and space_id = $2 and memory_id = any(array(
      select memory_id from memory_vector where org_id = $1 and space_id = $2 and pool_id = $3 and shared <> $4 limit $5))
    returning memory_id`;
  return (await unit.query({ text, values: [orgId, spaceId, poolId, shared, atMost] })).length;
}

export type IndexState = 'VALID' | 'BUILDING' | 'BROKEN' | 'MISSING';

export async function indexState(database: Database, name: string): Promise<IndexState> {
  const text = `select i.indisvalid as valid, exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as building
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where c.relname = $1 and n.nspname = 'public'`;
  const { rows } = await database.maintenance<{ valid: boolean; building: boolean }>(text, [name]);
  if (!rows[0]) return 'MISSING';
  return rows[0].valid ? 'VALID' : rows[0].building ? 'BUILDING' : 'BROKEN';
}

/**
 * Without a lock that writers would wait for. Minutes long for 100,000 vectors.
 * @param builder whose it is, for `cancelBuilds`
 */
export async function createIndex(
  database: Database,
  name: string,
  {
    spaceId,
    dimensions,
    poolId,
    builder,
  }: { spaceId: string; dimensions: number; poolId: string | null; builder: string },
): Promise<void> {
  const rows = poolId ? `pool_id = '${poolId}'` : 'shared';
  await database.maintenance(`/* ${builder} */ create index concurrently if not exists ${name} on memory_vector
    using hnsw ((embedding::halfvec(${dimensions})) halfvec_cosine_ops) where space_id = '${spaceId}' and ${rows}`);
}

export async function dropIndex(database: Database, name: string): Promise<void> {
  await database.maintenance(`drop index concurrently if exists ${name}`);
}

/** What the builder is indexing, or waits to index, is given up; it is begun anew some time. Other brokers' builds go on. */
export async function cancelBuilds(database: Database, builder: string): Promise<void> {
  await database.maintenance(
    `select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and starts_with(query, $1)`,
    [`/* ${builder} */`],
  );
}
