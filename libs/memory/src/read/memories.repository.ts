import { SqlParams } from '#access';
import type { Unit } from '#platform';
import { memoryColumns, toMemory, visible, type MemoryRecord, type ReadScope } from '../memory.repository.js';
import type { Memory } from '../memory.js';
import { filterSql, type MemoryFilter } from './memory-filter.js';

const isEmpty = (scope: ReadScope): boolean => scope.filter.poolIds.length === 0 && !scope.filter.unrestricted;

/** Newest first: ids of version 7 are in the order of writing. */
export async function listMemories(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  page: { atMost: number; after: string | null },
): Promise<Memory[]> {
  if (isEmpty(scope)) return [];
  const params = new SqlParams();
  const where = [visible(scope.filter, params, scope.orgId, scope.now), filterSql(filter, scope.filter, params)];
  if (page.after) where.push(`m.memory_id < ${params.add(page.after, 'uuid')}`);
  const text = `select ${memoryColumns(scope.filter, params, scope.space)} from memory m
    where ${where.join(' and ')} order by m.memory_id desc limit ${params.add(page.atMost, 'integer')}`;
  return (await unit.query<MemoryRecord>({ text, values: params.values })).map(toMemory);
}

export async function countMemories(unit: Unit, scope: ReadScope, filter: MemoryFilter): Promise<number> {
  if (isEmpty(scope)) return 0;
  const params = new SqlParams();
  const text = `select count(*) as count from memory m
    where ${visible(scope.filter, params, scope.orgId, scope.now)} and ${filterSql(filter, scope.filter, params)}`;
  const [row] = await unit.query<{ count: number }>({ text, values: params.values });
  return row?.count ?? 0;
}

export async function countByPool(unit: Unit, scope: ReadScope): Promise<Map<string, number>> {
  if (isEmpty(scope)) return new Map();
  const params = new SqlParams();
  const text = `select m.pool_id as "poolId", count(*) as count from memory m
    where ${visible(scope.filter, params, scope.orgId, scope.now)} and m.status = 'ACTIVE' group by m.pool_id`;
  const rows = await unit.query<{ poolId: string; count: number }>({ text, values: params.values });
  return new Map(rows.map((row) => [row.poolId, row.count]));
}

/**
 * Who wrote the words that now stand, of memories that were revised: a change of anything else is no writing. As the history, only
 * where content and author are shown.
 */
export async function findWriters(unit: Unit, scope: ReadScope, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0 || isEmpty(scope)) return new Map();
  const params = new SqlParams();
  const shown = `${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}
    and ${scope.filter.shows(params, 'm', 'author')}`;
  const before = 'from memory_revision r where r.org_id = m.org_id and r.memory_id = m.memory_id';
  const text = `select m.memory_id as id, w.changed_by as "writerId" from memory m cross join lateral (
      select v.changed_by
      from (select m.version, m.changed_by union all select r.version, r.changed_by ${before}) v
      where v.version > coalesce((select max(r.version) ${before} and r.content <> m.content), 0)
      order by v.version limit 1
    ) w
    where ${shown} and m.version > 1 and m.memory_id = any(${params.add(ids, 'uuid[]')})`;
  const rows = await unit.query<{ id: string; writerId: string }>({ text, values: params.values });
  return new Map(rows.map(({ id, writerId }) => [id, writerId]));
}
