import type { Unit } from '#platform';
import type { ChangeState, ConsolidationMode, PlannedChange, RunCounts, StoredChange } from './consolidation.js';
import { CHANGE_COLUMNS } from './runs.repository.js';

/** A run that one broker works at. */
export interface Leased {
  id: string;
  poolId: string;
  leaseId: string;
  dryRun: boolean;
  undoing: boolean;
  olderThanDays: number;
  asOf: Date;
  planned: boolean;
  failures: number;
}

const until = (place: number) => `clock_timestamp() + make_interval(secs => $${place}::double precision / 1000)`;

export interface LeaseOrder {
  leaseId: string;
  leaseMs: number;
  /** Whoever had a lease is gone: nobody else can have this database open. */
  alone: boolean;
}

/** One that waits or was given up by its broker, the oldest first. */
export async function lease(unit: Unit, orgId: string, order: LeaseOrder): Promise<Leased | undefined> {
  // Materialized: a plan that joins may run the subselect again for each row, and lease one more each time.
  const text = `with found as materialized (
      select run_id from consolidation_run
      where org_id = $1 and status in ('QUEUED', 'RUNNING')
        and (leased_until is null or leased_until <= clock_timestamp() or ($4 and lease_id is not null))
      order by requested_at, run_id limit 1 for update skip locked
    )
    update consolidation_run r set status = 'RUNNING', lease_id = $2, leased_until = ${until(3)},
      started_at = coalesce(r.started_at, clock_timestamp())
    from found where r.org_id = $1 and r.run_id = found.run_id
    returning r.run_id as id, r.pool_id as "poolId", r.lease_id as "leaseId", r.dry_run as "dryRun", r.undoing,
      r.older_than_days as "olderThanDays", r.as_of as "asOf", r.planned_at is not null as planned, r.failures`;
  const [row] = await unit.query<Leased>({ text, values: [orgId, order.leaseId, order.leaseMs, order.alone] });
  return row;
}

/** The lease for longer; the row stays locked to the end of the unit. @returns false where another has it by now */
export async function holdOn(unit: Unit, orgId: string, { id, leaseId }: Leased, leaseMs: number): Promise<boolean> {
  const text = `update consolidation_run set leased_until = ${until(4)}
    where org_id = $1 and run_id = $2 and lease_id = $3 and status = 'RUNNING' returning run_id`;
  return (await unit.query({ text, values: [orgId, id, leaseId, leaseMs] })).length > 0;
}

/** Given back, so that another broker may go on at once, or after a pause. */
export async function release(
  unit: Unit,
  orgId: string,
  { id, leaseId }: Leased,
  { failures, pauseMs }: { failures: number; pauseMs: number },
): Promise<void> {
  const text = `update consolidation_run set lease_id = null, leased_until = ${until(5)}, failures = $4
    where org_id = $1 and run_id = $2 and lease_id = $3`;
  await unit.query({ text, values: [orgId, id, leaseId, failures, pauseMs] });
}

export async function finish(
  unit: Unit,
  orgId: string,
  { id, leaseId }: Leased,
  { status, error }: { status: 'SUCCEEDED' | 'FAILED' | 'UNDONE'; error: string | null },
): Promise<void> {
  const text = `update consolidation_run set status = $4, error = left($5, 300), undoing = false, lease_id = null, leased_until = null,
      finished_at = clock_timestamp()
    where org_id = $1 and run_id = $2 and lease_id = $3`;
  await unit.query({ text, values: [orgId, id, leaseId, status, error] });
}

/** Where the last run that changed something stopped reading; null where it had read all. */
export async function findStart(unit: Unit, orgId: string, poolId: string): Promise<string | null> {
  const text = `select read_to as id from consolidation_run
    where org_id = $1 and pool_id = $2 and status = 'SUCCEEDED' and not dry_run order by requested_at desc, run_id desc limit 1`;
  return (await unit.query<{ id: string | null }>({ text, values: [orgId, poolId] }))[0]?.id ?? null;
}

export interface Plan {
  changes: readonly PlannedChange[];
  mode: ConsolidationMode;
  fallbacks: number;
  readTo: string | null;
}

export async function storePlan(unit: Unit, orgId: string, { id, poolId }: Leased, plan: Plan): Promise<void> {
  // Lists of lists of one length alone are arrays to Postgres: the ids of a change travel as text.
  const text = `insert into consolidation_change (org_id, run_id, place, pool_id, kind, memory_ids, versions, after_id, after_version,
      weight_from, weight_to, reason)
    select $1, $2, c.place, $3, c.kind, c.memory_ids::uuid[], c.versions::integer[], c.after_id, c.after_version, c.weight_from,
      c.weight_to, c.reason
    from unnest($4::text[], $5::text[], $6::text[], $7::uuid[], $8::integer[], $9::smallint[], $10::smallint[], $11::text[])
      with ordinality as c (kind, memory_ids, versions, after_id, after_version, weight_from, weight_to, reason, place)`;
  const column = <Value>(of: (change: PlannedChange) => Value) => plan.changes.map(of);
  const list = (values: readonly (string | number)[]) => `{${values.join(',')}}`;
  const values = [
    orgId,
    id,
    poolId,
    column(({ kind }) => kind),
    column(({ memories }) => list(memories.map((memory) => memory.id))),
    column(({ memories }) => list(memories.map((memory) => memory.version))),
    column(({ after }) => after?.id ?? null),
    column(({ after }) => after?.version ?? null),
    column(({ weights }) => weights?.from ?? null),
    column(({ weights }) => weights?.to ?? null),
    column(({ reason }) => reason),
  ];
  await unit.query({ text, values });
  await unit.query({
    text: `update consolidation_run set planned_at = clock_timestamp(), mode = $3, fallbacks = $4, read_to = $5, failures = 0
      where org_id = $1 and run_id = $2`,
    values: [orgId, id, plan.mode, plan.fallbacks, plan.readTo],
  });
}

/** In their order to do, against it to undo. */
export function nextChanges(
  unit: Unit,
  orgId: string,
  { id, undoing }: Leased,
  atMost: number,
): Promise<StoredChange[]> {
  const text = `select ${CHANGE_COLUMNS} from consolidation_change c where c.org_id = $1 and c.run_id = $2
    and c.state = '${undoing ? 'APPLIED' : 'PLANNED'}' order by c.place ${undoing ? 'desc' : ''} limit $3`;
  return unit.query<StoredChange>({ text, values: [orgId, id, atMost] });
}

export interface SettledChange {
  place: number;
  state: ChangeState;
  memoryIds: readonly string[];
  versions: readonly number[];
}

/** With the run's counts, in the unit of what was done; what failed before it is made up for. */
export async function settleChanges(
  unit: Unit,
  orgId: string,
  { id }: Leased,
  { changes, counts, fallbacks }: { changes: readonly SettledChange[]; counts: RunCounts; fallbacks: number },
): Promise<void> {
  const list = (values: readonly (string | number)[]) => `{${values.join(',')}}`;
  await unit.query({
    text: `update consolidation_change c set state = s.state, memory_ids = s.memory_ids::uuid[], versions = s.versions::integer[]
      from unnest($3::integer[], $4::text[], $5::text[], $6::text[]) as s (place, state, memory_ids, versions)
      where c.org_id = $1 and c.run_id = $2 and c.place = s.place`,
    values: [
      orgId,
      id,
      changes.map(({ place }) => place),
      changes.map(({ state }) => state),
      changes.map(({ memoryIds }) => list(memoryIds)),
      changes.map(({ versions }) => list(versions)),
    ],
  });
  const { summarized, merged, superseded, expired, boosted, faded, skipped, left } = counts;
  await unit.query({
    text: `update consolidation_run set summarized = summarized + $3, merged = merged + $4, superseded = superseded + $5,
        expired = expired + $6, boosted = boosted + $7, faded = faded + $8, skipped = skipped + $9, left_alone = left_alone + $10,
        fallbacks = fallbacks + $11, failures = 0
      where org_id = $1 and run_id = $2`,
    values: [orgId, id, summarized, merged, superseded, expired, boosted, faded, skipped, left, fallbacks],
  });
}
