import type { Unit } from '#platform';

/** Any number that all brokers agree on; with the organisation it is the lock of who trims its log. */
const TRIM_LOCK = 4_823_903;

/** Until the unit ends no other broker trims. @returns false where one is at it */
export async function takeTrimLock(unit: Unit, orgId: string): Promise<boolean> {
  const text = 'select pg_try_advisory_xact_lock($1, hashtext($2)) as taken';
  return (await unit.query<{ taken: boolean }>({ text, values: [TRIM_LOCK, orgId] }))[0]?.taken ?? false;
}

/** The database wrote the times and reads its own clock. Hours, for a day of a time zone may have 23 of them. */
const isOld = (time: string, days: number) =>
  `${time} < clock_timestamp() - make_interval(hours => 24 * $${days}::integer)`;

/** Pools whose oldest event is old: one look into the primary key for each. */
export async function findPoolsToTrim(unit: Unit, orgId: string, days: number): Promise<string[]> {
  const text = `select p.pool_id as id from pool p
    cross join lateral (
      select occurred_at from memory_event e where e.org_id = p.org_id and e.pool_id = p.pool_id order by e.seq limit 1
    ) oldest where p.org_id = $1 and ${isOld('oldest.occurred_at', 2)}`;
  return (await unit.query<{ id: string }>({ text, values: [orgId, days] })).map(({ id }) => id);
}

/**
 * Deletes a pool's oldest events, up to the first that is not old: by number and not by time, for a clock may have stepped, and
 * a hole would be a log that tells less than it says.
 * @returns how many there were
 */
export async function deletePrefix(
  unit: Unit,
  pool: { orgId: string; poolId: string },
  days: number,
  atMost: number,
): Promise<number> {
  const text = `with first as materialized (
      select seq, ${isOld('occurred_at', 3)} as is_old from memory_event where org_id = $1 and pool_id = $2 order by seq limit $4
    ), deleted as (
      delete from memory_event where org_id = $1 and pool_id = $2
        and seq <= (select max(seq) from first)
        and seq < coalesce((select min(seq) from first where not is_old), 9223372036854775807)
      returning 1
    ) select count(*) as count from deleted`;
  const [row] = await unit.query<{ count: number }>({ text, values: [pool.orgId, pool.poolId, days, atMost] });
  return row?.count ?? 0;
}
