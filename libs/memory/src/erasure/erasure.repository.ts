import type { Principal } from '#access';
import type { Unit } from '#platform';

/** What was made of the memories, and of that: null for what the caller does not reach. */
export async function findDerived(unit: Unit, sources: readonly string[], atMost: number): Promise<(string | null)[]> {
  const text = 'select memory_id as id from sec.derived_memories($1::uuid[], $2)';
  return (await unit.query<{ id: string | null }>({ text, values: [sources, atMost] })).map(({ id }) => id);
}

export interface Erased {
  vectors: number;
  revisions: number;
}

/** As a memory is forgotten, many at once. Leaves tombstones: what the policy's conditions look at stays. */
export async function eraseMemories(
  unit: Unit,
  caller: Principal,
  ids: readonly string[],
  change: { reason: string | null; now: Date },
): Promise<Erased> {
  const { orgId } = caller;
  const rest = async (table: 'memory_vector' | 'memory_revision' | 'memory_usage') => {
    const text = `delete from ${table} where org_id = $1 and memory_id = any($2::uuid[]) returning 1 as one`;
    return (await unit.query({ text, values: [orgId, ids] })).length;
  };
  const vectors = await rest('memory_vector');
  const revisions = await rest('memory_revision');
  await rest('memory_usage');
  await unit.query({
    text: `update memory set was_held = was_held or status in ('PROPOSED', 'REJECTED', 'QUARANTINED'), status = 'FORGOTTEN', content = null,
        terms = '', term_count = 0, traits = 0, metadata = null, review_comment = null, version = version + 1, content_hash = '\\x',
        changed_by = $3, change_reason = $4, updated_at = $5
      where org_id = $1 and memory_id = any($2::uuid[]) and status <> 'FORGOTTEN'`,
    values: [orgId, ids, caller.id, change.reason, change.now],
  });
  await unit.query({ text: 'select sec.blank_hashes($1::uuid[])', values: [ids] });
  return { vectors, revisions };
}

/** One event a memory, all of one pool. */
export async function appendErased(
  unit: Unit,
  orgId: string,
  {
    poolId,
    ids,
    active,
    policyVersion,
  }: { poolId: string; ids: readonly string[]; active: number; policyVersion: number },
): Promise<void> {
  const text = `with numbered as (
      update pool set seq = seq + cardinality($3::uuid[]), memories = memories - $4 where org_id = $1 and pool_id = $2
      returning seq - cardinality($3::uuid[]) as before
    )
    insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
    select $1, $2, numbered.before + i.n, i.memory_id, 'FORGOTTEN', clock_timestamp(), $5
    from unnest($3::uuid[]) with ordinality as i (memory_id, n) cross join numbered`;
  await unit.query({ text, values: [orgId, poolId, ids, active, policyVersion] });
}

/** The archived sources of what was erased, which it had taken the place of. */
export function lockStranded(
  unit: Unit,
  orgId: string,
  erased: readonly string[],
): Promise<{ id: string; poolId: string; hash: string }[]> {
  const text = `select m.memory_id as id, m.pool_id as "poolId", encode(m.content_hash, 'hex') as hash
    from memory_source s join memory m on m.org_id = s.org_id and m.memory_id = s.source_id
    where s.org_id = $1 and s.memory_id = any($2::uuid[]) and m.superseded_by = s.memory_id and m.status = 'ARCHIVED'
    order by m.memory_id for update of m`;
  return unit.query({ text, values: [orgId, erased] });
}
