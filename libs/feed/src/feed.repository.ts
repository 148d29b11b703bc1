import { SqlParams, type SqlType } from '#access';
import { memoriesTogether, toMemory, type Memory, type MemoryTogether, type ReadScope } from '#memory';
import type { Unit } from '#platform';
import type { LoggedKind } from './event.js';

export interface LoggedEvent {
  poolId: string;
  seq: number;
  memoryId: string;
  kind: LoggedKind;
  at: Date;
  /** Null for those whom the memory is not for. */
  memory: Memory | null;
  /** The author of a memory that nobody else in the audience may see. */
  onlyFor: string | null;
}

/** What stands behind a place in one pool. */
export interface LogRow extends Omit<LoggedEvent, 'seq'> {
  /** Null where the log no longer holds it. */
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

type Joined = MemoryTogether & {
  loggedPool: string;
  seq: number | null;
  memoryId: string;
  event: LoggedKind;
  at: Date;
  readAt: Date;
};

/**
 * Up to `atMost` events of each pool with their memories, by pool and number; of a pool without news, nothing. One
 * statement, so that the heads and the events are of one moment: a head that moved and has no event behind the place is an
 * event that is gone.
 */
export async function readEvents(
  unit: Unit,
  scope: ReadScope,
  ranges: readonly SeqRange[],
  atMost: number,
): Promise<LogRow[]> {
  const params = new SqlParams();
  const column = <Value>(of: (range: SeqRange) => Value, type: SqlType) => params.add(ranges.map(of), type);
  const lists = [
    column((r) => r.poolId, 'uuid[]'),
    column((r) => r.after, 'bigint[]'),
    column((r) => r.upTo, 'bigint[]'),
  ];
  const org = params.add(scope.orgId, 'uuid');
  // The limit keeps the search for a memory by its id: joined without it, a plan that is made while the tables are small and
  // then kept goes through the memories of the organisation for each event (1,500 of them: 2 ms an event instead of 0.1).
  const text = `select p.pool_id as "loggedPool", e.seq, e.memory_id as "memoryId", e.kind as event, e.occurred_at as at,
      clock_timestamp() as "readAt", seen.*
    from unnest(${lists.join(', ')}) as r (pool_id, after, up_to)
    join pool p on p.org_id = ${org} and p.pool_id = r.pool_id and p.seq > r.after
    left join lateral (
      select * from memory_event e
      where e.org_id = ${org} and e.pool_id = r.pool_id and e.seq > r.after and e.seq <= r.up_to
      order by e.seq limit ${params.add(atMost, 'integer')}
    ) e on true
    left join lateral (${memoriesTogether(scope, params)} and m.memory_id = e.memory_id limit 1) seen on true
    order by p.pool_id, e.seq`;
  const rows = await unit.query<Joined>({ name: nameOf(text), text, values: params.values });
  return rows.map(({ loggedPool, seq, memoryId, event, at, readAt, onlyFor, ...seen }) => ({
    poolId: loggedPool,
    seq,
    memoryId,
    kind: event,
    at,
    now: readAt,
    memory: (seen.id as string | null) === null ? null : toMemory(seen),
    onlyFor,
  }));
}

/** Plans are kept by name on every connection: for so many texts, which differ by the shape of what a role may read. */
const MAX_NAMED = 100;
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= MAX_NAMED) return known;
  const name = `feed_events_${names.size}`;
  names.set(text, name);
  return name;
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
