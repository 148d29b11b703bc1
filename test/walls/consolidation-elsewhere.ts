import { newId } from '#kernel';
import {
  inheritUsage,
  insertSummaries,
  restore,
  retire,
  succeed,
  weighMemories,
  type NewSummary,
} from '../../libs/memory/src/consolidation/apply.repository.js';
import { findStart } from '../../libs/memory/src/consolidation/lease.repository.js';
import { dropOldRuns } from '../../libs/memory/src/consolidation/runs.repository.js';
import {
  lockHeld,
  readContents,
  readHeld,
  type PoolScope,
} from '../../libs/memory/src/consolidation/snapshot.repository.js';
import type { Path } from './read-paths.js';
import { THERE_ALONE } from './twin.js';
import type { Twins } from './twins.js';

async function coders({ database, org }: Twins): Promise<PoolScope> {
  const text = `select pool_id as id from pool where org_id = $1 and key = 'coder'`;
  const { rows } = await database.maintenance<{ id: string }>(text, [org]);
  return { orgId: org, poolId: (rows[0] as { id: string }).id };
}

const summaryOf = (firstId: string): NewSummary => ({
  id: newId(),
  firstId,
  sourceIds: [firstId],
  content: `a summary of ${firstId}`,
  entityId: null,
  speaker: null,
  metadata: null,
  createdAt: new Date(),
  validFrom: null,
});

/** All that the consolidation of a pool does, to a memory of another pool and to one that is there alone. */
async function ofAnotherPool(twins: Twins): Promise<void> {
  const { broker, database, org, ids } = twins;
  const scope = await coders(twins);
  const id = ids.planners;
  const stored = async () => {
    const text = 'select * from memory where org_id = $1 and memory_id = $2';
    return JSON.stringify((await database.maintenance(text, [org, id])).rows);
  };
  const set = (status: string) =>
    database.maintenance('update memory set status = $3 where org_id = $1 and memory_id = $2', [org, id, status]);
  await broker.access.system('test', async (unit) => {
    const summaries = [summaryOf(id), summaryOf(THERE_ALONE.memory)];
    if ((await findStart(unit, org, scope.poolId)) !== null) throw new Error('it began behind what another run read');
    const made = await insertSummaries(unit, scope, summaries, { now: new Date(), language: 'ENGLISH' });
    const seen = [...(await lockHeld(unit, scope, [id])), ...(await readContents(unit, scope, [id]))];
    if (made.size + seen.length > 0) throw new Error('it was read');
    const held = await readHeld(unit, scope, { after: null, atMost: 1_000 });
    await readContents(unit, scope, [ids.coders]);
    if (held.length === 0 || held.some(({ poolId }) => poolId !== scope.poolId)) throw new Error('others were read');
  });
  const active = await stored();
  await broker.access.system('test', async (unit) => {
    await retire(unit, scope, [{ id, status: 'ARCHIVED', successorId: null }]);
    for (const from of [0, 1, 2, 3]) await weighMemories(unit, scope, [{ id, from, to: from === 0 ? 1 : 0 }]);
  });
  if ((await stored()) !== active) throw new Error('it was changed');
  await set('ARCHIVED');
  const archived = await stored();
  await broker.access.system('test', async (unit) => {
    await succeed(unit, scope, [{ memoryId: ids.coders, sourceId: id }]);
    await restore(unit, scope, [id]);
  });
  if ((await stored()) !== archived) throw new Error('it was changed');
  await set('ACTIVE');
}

/** Those of a pool that runs were asked for, and no others. */
async function runsOfPool(twins: Twins): Promise<void> {
  const { broker, callers } = twins;
  const { poolId } = await coders(twins);
  const all = await broker.consolidation.runs(callers.admin, { first: 50 });
  const some = await broker.consolidation.runs(callers.admin, { pool: 'coder', first: 50 });
  if (some.length === 0 || some.length === all.length || some.some((run) => run.poolId !== poolId))
    throw new Error(`${some.length} of ${all.length} runs`);
}

/** A source that is counted there alone, one that is a source there alone, and one of another pool. */
async function usageOfOthers(twins: Twins): Promise<void> {
  const { broker, database, org, twin, ids } = twins;
  const scope = await coders(twins);
  const run = (text: string, ...values: unknown[]) => database.maintenance(text, values);
  const summaries = [ids.derived, ids.coders];
  await run('delete from memory_usage where org_id = $1 and memory_id = any($2::uuid[])', org, summaries);
  await run('insert into memory_usage values ($1, $2, $3, 5, now())', org, ids.revised, scope.poolId);
  await run('insert into memory_source values ($1, $2, $3)', twin, ids.coders, ids.revised);
  await broker.access.system('test', (unit) => inheritUsage(unit, scope, summaries));
  const counted = 'select from memory_usage where org_id = $1 and memory_id = any($2::uuid[])';
  if ((await run(counted, org, summaries)).rowCount > 0) throw new Error('usage was inherited from elsewhere');
  await run('delete from memory_usage where memory_id = $1', ids.revised);
}

/** What stands there, and here no more. */
async function restoreWhatStandsThere(twins: Twins): Promise<void> {
  const { broker, database, org, ids } = twins;
  const scope = await coders(twins);
  await database.maintenance(`do $$ begin
    set local session_replication_role = replica;
    update memory set status = 'ARCHIVED' where org_id = '${org}' and memory_id = '${ids.coders}';
    update pool set memories = memories - 1 where org_id = '${org}' and pool_id = '${scope.poolId}';
  end $$`);
  const restored = await broker.access.system('test', (unit) => restore(unit, scope, [ids.coders]));
  if (!restored.has(ids.coders)) throw new Error('it was not restored');
}

/** As many runs of a pool as are kept, and one more. */
async function dropOldest(twins: Twins): Promise<void> {
  const { broker, database, org } = twins;
  const scope = await coders(twins);
  const count = async () => {
    const text = 'select from consolidation_run where org_id = $1 and pool_id <> $2';
    return (await database.maintenance(text, [org, scope.poolId])).rowCount;
  };
  await database.maintenance(
    `insert into consolidation_run (org_id, run_id, pool_id, status, dry_run, older_than_days, as_of, requested_at, error)
     select $1, gen_random_uuid(), $2, 'FAILED', true, 0, now(), now() + interval '2 days', 'too many' from generate_series(1, 100)`,
    [org, scope.poolId],
  );
  const others = await count();
  await broker.access.system('test', (unit) => dropOldRuns(unit, org, scope.poolId));
  if ((await count()) !== others) throw new Error('runs of another pool were dropped');
  await database.maintenance(`delete from consolidation_run where error = 'too many'`);
}

/** What a consolidation does, with what stands elsewhere. */
export const CONSOLIDATION_ELSEWHERE: readonly Path[] = [
  ['consolidating what is of another pool, or there alone', ofAnotherPool],
  ['the usage of what is counted elsewhere', usageOfOthers],
  ['restoring what stands there', restoreWhatStandsThere],
  ['the runs of one pool', runsOfPool],
  ['dropping old runs', dropOldest],
];
