import { SqlParams } from '#access';
import type { Unit } from '#platform';
import type { ConsolidationRun, RunStatus, StoredChange } from './consolidation.js';

/** A pool keeps its newest runs; what was done by an older one can be undone no more. */
const MAX_RUNS = 100;

const COLUMNS = `r.run_id as id, r.pool_id as "poolId", r.status, r.mode, r.fallbacks, r.dry_run as "dryRun",
  r.older_than_days as "olderThanDays", r.asked_by as "askedById", r.requested_at as "requestedAt", r.started_at as "startedAt",
  r.finished_at as "finishedAt", r.error, r.summarized, r.merged, r.superseded, r.expired, r.boosted, r.faded, r.skipped,
  r.left_alone as left`;

export interface NewRun {
  id: string;
  poolId: string;
  dryRun: boolean;
  olderThanDays: number;
  asOf: Date;
  /** Null where the schedule asks. */
  askedById: string | null;
  scheduledFor: Date | null;
}

/** @returns false where one is at work in the pool, or this time of the schedule was begun by another broker */
export async function insertRun(unit: Unit, orgId: string, run: NewRun): Promise<boolean> {
  const text = `insert into consolidation_run (org_id, run_id, pool_id, dry_run, older_than_days, as_of, asked_by, scheduled_for)
    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning run_id`;
  const values = [orgId, run.id, run.poolId, run.dryRun, run.olderThanDays, run.asOf, run.askedById, run.scheduledFor];
  return (await unit.query({ text, values })).length > 0;
}

export async function findRun(unit: Unit, orgId: string, id: string): Promise<ConsolidationRun | undefined> {
  const text = `select ${COLUMNS} from consolidation_run r where r.org_id = $1 and r.run_id = $2`;
  return (await unit.query<ConsolidationRun>({ text, values: [orgId, id] }))[0];
}

/** Newest first. */
export function listRuns(
  unit: Unit,
  orgId: string,
  { poolIds, atMost }: { poolIds: readonly string[]; atMost: number },
): Promise<ConsolidationRun[]> {
  const params = new SqlParams();
  const text = `select ${COLUMNS} from consolidation_run r
    where r.org_id = ${params.add(orgId, 'uuid')} and r.pool_id = any(${params.add(poolIds, 'uuid[]')})
    order by r.requested_at desc, r.run_id desc limit ${params.add(atMost, 'integer')}`;
  return unit.query<ConsolidationRun>({ text, values: params.values });
}

export const CHANGE_COLUMNS = `c.place, c.kind, c.state, c.memory_ids as "memoryIds", c.versions, c.after_id as "afterId",
  c.after_version as "afterVersion", c.weight_from as "weightFrom", c.weight_to as "weightTo", c.reason`;

/** In their order, behind a place. */
export function listChanges(
  unit: Unit,
  orgId: string,
  { runId, after, atMost }: { runId: string; after: number; atMost: number },
): Promise<StoredChange[]> {
  const text = `select ${CHANGE_COLUMNS} from consolidation_change c
    where c.org_id = $1 and c.run_id = $2 and c.place > $3 order by c.place limit $4`;
  return unit.query<StoredChange>({ text, values: [orgId, runId, after, atMost] });
}

/** @returns whether it stood in one of the statuses until now; refused by a unique index where another run is at work in the pool */
export async function beginUndo(unit: Unit, orgId: string, id: string, from: readonly RunStatus[]): Promise<boolean> {
  const text = `update consolidation_run set status = 'RUNNING', undoing = true, failures = 0, error = null, finished_at = null
    where org_id = $1 and run_id = $2 and status = any($3::text[]) returning run_id`;
  return (await unit.query({ text, values: [orgId, id, from] })).length > 0;
}

export interface Scheduled {
  poolId: string;
  cron: string;
  /** The last time that counts as done. */
  since: Date;
  /** The database's time. */
  now: Date;
}

/** Pools that hold something and are consolidated by themselves; when last they were. */
export function findScheduled(unit: Unit, orgId: string, nightly: string): Promise<Scheduled[]> {
  const text = `select p.pool_id as "poolId", case when s.pool_id is null then $2 else s.cron end as cron, clock_timestamp() as now,
      greatest(p.nightly_since, s.since, (
        select max(r.requested_at) from consolidation_run r
        where r.org_id = $1 and r.pool_id = p.pool_id and r.scheduled_for is not null)) as since
    from pool p left join pool_consolidation s on s.org_id = $1 and s.pool_id = p.pool_id
    where p.org_id = $1 and p.memories > 0 and case when s.pool_id is null then p.kind <> 'AGENT' else s.cron is not null end`;
  return unit.query<Scheduled>({ text, values: [orgId, nightly] });
}

export async function dropOldRuns(unit: Unit, orgId: string, poolId: string): Promise<void> {
  const text = `delete from consolidation_run where org_id = $1 and run_id in (
      select run_id from consolidation_run where org_id = $1 and pool_id = $2 and status not in ('QUEUED', 'RUNNING')
      order by requested_at desc, run_id desc offset $3)`;
  await unit.query({ text, values: [orgId, poolId, MAX_RUNS] });
}
