import type { Unit } from '#platform';
import type { LoggedKind } from './event.js';

export interface LoggedEvent {
  poolId: string;
  seq: number;
  memoryId: string;
  kind: LoggedKind;
  at: Date;
}

/** What stands behind a place in one pool: without an event where the log no longer holds it. */
export interface LogRow extends Omit<LoggedEvent, 'seq'> {
  seq: number | null;
  /** The database's time of the reading. */
  now: Date;
}

export interface PoolHead {
  poolId: string;
  seq: number;
}

export interface Log {
  epoch: string;
  now: Date;
}

/** Behind `after`, and no further than `upTo`. */
export interface SeqRange {
  poolId: string;
  after: number;
  upTo: number;
}

export async function readLog(unit: Unit, orgId: string): Promise<Log> {
  const text = 'select feed_epoch as epoch, clock_timestamp() as now from organization where org_id = $1';
  return (await unit.query<Log>({ name: 'feed_log', text, values: [orgId] }))[0] as Log;
}

export function readHeads(unit: Unit, orgId: string, poolIds: readonly string[]): Promise<PoolHead[]> {
  const text = 'select pool_id as "poolId", seq from pool where org_id = $1 and pool_id = any($2::uuid[])';
  return unit.query<PoolHead>({ name: 'feed_heads', text, values: [orgId, poolIds] });
}

/**
 * Up to `atMost` events of each pool, by pool and number; of a pool without news, nothing. One statement, so that the heads
 * and the events are of one moment: a head that moved and has no event behind the place is an event that is gone.
 */
export function readEvents(unit: Unit, orgId: string, ranges: readonly SeqRange[], atMost: number): Promise<LogRow[]> {
  const text = `select p.pool_id as "poolId", e.seq, e.memory_id as "memoryId", e.kind, e.occurred_at as at, clock_timestamp() as now
    from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as r (pool_id, after, up_to)
    join pool p on p.org_id = $1 and p.pool_id = r.pool_id and p.seq > r.after
    left join lateral (
      select * from memory_event e
      where e.org_id = $1 and e.pool_id = r.pool_id and e.seq > r.after and e.seq <= r.up_to order by e.seq limit $5
    ) e on true order by p.pool_id, e.seq`;
  const column = <Value>(of: (range: SeqRange) => Value) => ranges.map(of);
  return unit.query<LogRow>({
    name: 'feed_events',
    text,
    values: [orgId, column((r) => r.poolId), column((r) => r.after), column((r) => r.upTo), atMost],
  });
}

export interface Pulse {
  epoch: string;
  /** Grows with every change to the policy, to the directory, and with the end of a key. */
  generation: number;
  now: Date;
  /** The pools that are further than known. */
  moved: PoolHead[];
}

/** What moves when there is anything to do. */
export async function readPulse(unit: Unit, orgId: string, known: ReadonlyMap<string, number>): Promise<Pulse> {
  const text = `select o.feed_epoch as epoch, h.version + h.directory_version as generation, clock_timestamp() as now,
      p.pool_id as "poolId", p.seq
    from organization o join policy_head h on h.org_id = o.org_id left join (
      select p.pool_id, p.seq from unnest($2::uuid[], $3::bigint[]) as known (pool_id, seq)
      join pool p on p.org_id = $1 and p.pool_id = known.pool_id and p.seq > known.seq
    ) p on true where o.org_id = $1`;
  const rows = await unit.query<Omit<Pulse, 'moved'> & { poolId: string | null; seq: number }>({
    name: 'feed_pulse',
    text,
    values: [orgId, [...known.keys()], [...known.values()]],
  });
  const { epoch, generation, now } = rows[0] as Omit<Pulse, 'moved'>;
  return { epoch, generation, now, moved: rows.flatMap(({ poolId, seq }) => (poolId ? [{ poolId, seq }] : [])) };
}
