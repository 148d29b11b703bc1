import type { Unit } from '#platform';
import type { LoggedKind } from './event.js';

export interface LoggedEvent {
  poolId: string;
  seq: number;
  memoryId: string;
  kind: LoggedKind;
  at: Date;
}

export interface PoolHead {
  poolId: string;
  seq: number;
  createdAt: Date;
}

export interface Log {
  epoch: string;
  now: Date;
}

export async function readLog(unit: Unit, orgId: string): Promise<Log> {
  const text = 'select feed_epoch as epoch, clock_timestamp() as now from organization where org_id = $1';
  return (await unit.query<{ epoch: string; now: Date }>({ name: 'feed_log', text, values: [orgId] }))[0] as Log;
}

export function readHeads(unit: Unit, orgId: string, poolIds: readonly string[]): Promise<PoolHead[]> {
  const text = `select pool_id as "poolId", seq, created_at as "createdAt" from pool where org_id = $1 and pool_id = any($2::uuid[])`;
  return unit.query<PoolHead>({ name: 'feed_heads', text, values: [orgId, poolIds] });
}

/** Up to `atMost` events of each pool behind the given number, by pool and number. */
export function readEvents(
  unit: Unit,
  orgId: string,
  seqs: ReadonlyMap<string, number>,
  atMost: number,
): Promise<LoggedEvent[]> {
  const text = `select e.pool_id as "poolId", e.seq, e.memory_id as "memoryId", e.kind, e.occurred_at as at
    from unnest($2::uuid[], $3::bigint[]) as behind (pool_id, seq)
    cross join lateral (
      select * from memory_event e where e.org_id = $1 and e.pool_id = behind.pool_id and e.seq > behind.seq order by e.seq limit $4
    ) e order by e.pool_id, e.seq`;
  return unit.query<LoggedEvent>({
    name: 'feed_events',
    text,
    values: [orgId, [...seqs.keys()], [...seqs.values()], atMost],
  });
}

/** What moves when there is anything to deliver: every pool's number, and the generation of policy and directory. */
export async function readPulse(unit: Unit, orgId: string): Promise<{ seqs: Map<string, number>; generation: number }> {
  const text = `select p.pool_id as "poolId", p.seq, h.version + h.directory_version as generation
    from pool p join policy_head h on h.org_id = p.org_id where p.org_id = $1`;
  const rows = await unit.query<{ poolId: string; seq: number; generation: number }>({
    name: 'feed_pulse',
    text,
    values: [orgId],
  });
  return { seqs: new Map(rows.map((row) => [row.poolId, row.seq])), generation: rows[0]?.generation ?? 0 };
}
