import { newId } from '#kernel';
import { ConsolidationWorker } from '#memory';
import { lease, release } from '../../libs/memory/src/consolidation/lease.repository.js';
import type { Path } from './read-paths.js';
import { tellPoliciesApart } from './twin.js';
import { ABOUT, COMMON, type Twins } from './twins.js';

/** A dry run, of which the twin gets a copy. */
export async function insertRun({ broker, callers }: Twins): Promise<void> {
  await broker.consolidation.consolidate(callers.admin, { pool: 'coder', olderThanDays: 0, dryRun: true });
}

const memorize = ({ broker, callers }: Twins, content: string, input: object) =>
  broker.memorize.memorize(callers.coder, { type: 'EPISODIC', content, ...ABOUT, pool: 'coder', ...input });

/** Something of each kind, so that every statement of a run finds some. */
async function prepare(twins: Twins): Promise<void> {
  const { database, org } = twins;
  await tellPoliciesApart(twins, twins.twin);
  for (const content of [`Ada of the ${COMMON} lives in Berlin`, `Ada of the ${COMMON} moved to Munich`])
    await memorize(twins, content, { type: 'DECLARATIVE' });
  for (const content of [`Retry the ${COMMON} twice`, `retry the ${COMMON} twice!`])
    await memorize(twins, content, { type: 'PROCEDURAL' });
  const often = await memorize(twins, `Often asked of the ${COMMON}`, { type: 'PROCEDURAL', importance: 'LOW' });
  const over = await memorize(twins, `The ${COMMON} of what is over`, { type: 'PROCEDURAL' });
  await database.maintenance(
    `insert into memory_usage select org_id, memory_id, pool_id, 99, now() from memory where org_id = $1 and memory_id = $2`,
    [org, often.memory.id],
  );
  await database.maintenance(
    `update memory set expires_at = now() - interval '1 hour' where org_id = $1 and memory_id = $2`,
    [org, over.memory.id],
  );
}

async function consolidateAndUndo(twins: Twins): Promise<void> {
  const { broker, callers } = twins;
  await prepare(twins);
  const run = await broker.consolidation.consolidate(callers.admin, { pool: 'coder', olderThanDays: 0 });
  const { status, summarized, merged, superseded, expired, boosted } = run;
  if (status !== 'SUCCEEDED' || [summarized, merged, superseded, expired, boosted].includes(0))
    throw new Error(JSON.stringify(run));
  const undone = await broker.consolidation.undo(callers.admin, run.id);
  if (undone.status !== 'UNDONE' || undone.left !== 0) throw new Error(JSON.stringify(undone));
}

/** One pool's schedule is due; another is never consolidated, and one was a moment ago. */
async function bySchedule(twins: Twins): Promise<void> {
  const { broker, callers, database, org } = twins;
  for (const cron of ['* * * * *', '0 4 * * *', '* * * * *'])
    await broker.directory.scheduleConsolidation(callers.admin, 'tester', cron);
  await broker.directory.scheduleConsolidation(callers.admin, 'reviewer', null);
  await twins.onlyPool('tester', (pool) => pool.consolidationCron === '* * * * *');
  await database.maintenance(`update pool_consolidation set since = now() - interval '1 day' where org_id = $1`, [org]);
  await database.maintenance(
    `update pool set nightly_since = now() - interval '1 day' where org_id = $1 and key in ('tester', 'reviewer')`,
    [org],
  );
  // The schedule of another pool has begun a run of its own since.
  await database.maintenance(
    `insert into consolidation_run (org_id, run_id, pool_id, status, dry_run, older_than_days, as_of, requested_at, scheduled_for, read_to)
     select org_id, $2, pool_id, 'SUCCEEDED', false, 0, now(), now() + interval '1 day', now(), $2 from pool where org_id = $1 and key = 'planner'`,
    [org, newId()],
  );
  const failed = (error: unknown) => {
    throw error;
  };
  const worker = new ConsolidationWorker({ ...broker.consolidationWorker['parts'], alone: false, onError: failed });
  await worker.look();
  const [run] = await broker.consolidation.runs(callers.admin, { pool: 'tester', first: 1 });
  if (run?.status !== 'SUCCEEDED') throw new Error(`no run: ${JSON.stringify(run)}`);
  const begun = `select from consolidation_run where org_id = $1 and scheduled_for is not null and requested_at <= clock_timestamp()`;
  if ((await database.maintenance(begun, [org])).rowCount !== 1) throw new Error('other pools were consolidated too');
}

async function giveBack({ broker: { access, consolidationWorker }, database, org }: Twins): Promise<void> {
  // It would take the run first.
  await consolidationWorker.stop();
  await database.maintenance(`update consolidation_run set status = 'RUNNING' where org_id = $1 and dry_run`, [org]);
  const order = { leaseId: newId(), leaseMs: 1_000, alone: false };
  await access.system('test', async (unit) => {
    const run = await lease(unit, org, order);
    await release(unit, org, run as NonNullable<typeof run>, { failures: 1, pauseMs: 0 });
  });
  await database.maintenance(`update consolidation_run set status = 'SUCCEEDED' where org_id = $1 and dry_run`, [org]);
}

/** In this order. */
export const CONSOLIDATION_PATHS: readonly Path[] = [
  ['consolidating a pool, and undoing it', consolidateAndUndo],
  ['consolidating by schedule', bySchedule],
  ['giving a run back', giveBack],
];
