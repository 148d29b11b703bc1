import type { Unit } from '#platform';

/** How often a memory was returned since the last flush, and when last. */
export interface Use {
  memoryId: string;
  count: number;
  last: Date;
}

/**
 * Adds to what stands there, whoever else adds at the same time. Rows are locked in the order of ids, so that two brokers wait
 * for each other and do not deadlock. A row that is there is raised without a look at its memory; only the first recall of a
 * memory locks that against being forgotten meanwhile, and one that was forgotten gets no row.
 */
const ADD = `
  with use as (
    select * from unnest($2::uuid[], $3::integer[], $4::timestamptz[]) as n (memory_id, count, last)
  ), held as materialized (
    select memory_id from memory_usage where org_id = $1 and memory_id = any($2::uuid[]) order by memory_id for update
  ), raised as (
    update memory_usage u set recall_count = least(u.recall_count::bigint + use.count, 2147483647)::integer,
      last_recalled_at = greatest(u.last_recalled_at, use.last)
    from use join held using (memory_id) where u.org_id = $1 and u.memory_id = use.memory_id
    returning u.memory_id
  ), there as materialized (
    select m.memory_id, m.pool_id from memory m
    where m.org_id = $1 and m.memory_id = any($2::uuid[]) and m.content is not null
      and not exists (select from raised r where r.memory_id = m.memory_id)
    order by m.memory_id for key share
  ), added as (
    insert into memory_usage as u (org_id, memory_id, pool_id, recall_count, last_recalled_at)
    select $1, t.memory_id, t.pool_id, use.count, use.last from there t join use using (memory_id) order by t.memory_id
    on conflict (org_id, memory_id) do update
      set recall_count = least(u.recall_count::bigint + excluded.recall_count, 2147483647)::integer,
        last_recalled_at = greatest(u.last_recalled_at, excluded.last_recalled_at)
    returning u.memory_id
  )
  select (select count(*) from raised) + (select count(*) from added) as counted`;

/** @param uses no two of one memory. @returns of how many memories the count was raised: those forgotten meanwhile have none */
export async function addUses(unit: Unit, orgId: string, uses: readonly Use[]): Promise<number> {
  const [row] = await unit.query<{ counted: number }>({
    name: 'add_uses',
    text: ADD,
    values: [orgId, uses.map((use) => use.memoryId), uses.map((use) => use.count), uses.map((use) => use.last)],
  });
  return row?.counted ?? 0;
}

export async function deleteUsage(unit: Unit, orgId: string, memoryId: string): Promise<void> {
  await unit.query({
    text: 'delete from memory_usage where org_id = $1 and memory_id = $2',
    values: [orgId, memoryId],
  });
}
