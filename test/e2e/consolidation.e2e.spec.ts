import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { consolidatedPools } from '../support/consolidated-pools.js';
import { consolidate, CONSOLIDATE, runById, runsOf, undo, UNDO, type Run } from '../support/consolidation.js';
import { FeedReader } from '../support/feed.js';
import { memoriesByIds, recall } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const pools = consolidatedPools(() => ({ api, coder }));
const { sql, newPool, note, fact, session, notRecalled, stored, expectTrueNumbers, eventsOf, seqOf } = pools;

/** With a word more it says the same. */
const LONG =
  'always run the database migrations and the slow integration suite before starting the new message broker on the production server';
const recalled = (ids: string[], times: number, last = 'now()') =>
  sql(
    `insert into memory_usage select org_id, memory_id, pool_id, $2, ${last} from memory where memory_id = any($1::uuid[])`,
    [ids, times],
  );
const statusOf = async (ids: string[]) => (await memoriesByIds(coder, ids)).map((memory) => memory?.status);

describe('a run', () => {
  it('makes one memory of old episodes, with their age and their names, and archives them', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    const young = await note(pool, 'said today', { sessionId: 'monday', entityId: 'ada', speaker: 'Ada' });
    const seq = await seqOf(pool);
    const run = await consolidate(api.admin, { pool });
    expect(run).toMatchObject({
      status: 'SUCCEEDED',
      mode: 'RULES',
      fallbacks: 0,
      summarized: 4,
      merged: 0,
      error: null,
    });
    const [change] = run.changes;
    expect(change).toMatchObject({
      kind: 'SUMMARIZED',
      state: 'APPLIED',
      reason: 'episodes of one session become one',
    });
    expect(change?.before.map(({ id, status }) => [id, status])).toEqual(ids.map((id) => [id, 'ARCHIVED']));
    const summary = change?.after?.id as string;
    const shown = await coder.ask<{ memory: Record<string, unknown> }>(
      `query ($id: ID!) { memory(id: $id) { status type content entityId sessionId speaker labels metadata importance version
        validFrom author { id } derivedFrom { id } history { version } } }`,
      { id: summary },
    );
    expect(shown.memory).toEqual({
      status: 'ACTIVE',
      type: 'EPISODIC',
      content:
        'Ada: I ran a charity race last Saturday (monday)\nThe violin lessons begin in Lisbon (monday)\nI bought 3 blue bowls (monday)\nThe kiln cracked the largest bowl (monday)',
      entityId: 'ada',
      sessionId: 'monday',
      speaker: 'Ada',
      labels: ['diary'],
      metadata: { from: 'chat' },
      importance: 'MEDIUM',
      version: 1,
      validFrom: '2024-03-01T10:00:00.000Z',
      author: { id: coder.id },
      derivedFrom: ids.map((id) => ({ id })),
      history: [{ version: 1 }],
    });
    expect(await statusOf([young])).toEqual(['ACTIVE']);
    const { hits } = await recall(coder, 'What did the kiln crack?', { pools: [pool] });
    expect(hits[0]?.memory.id).toBe(summary);
    expect(await eventsOf(pool, seq)).toEqual([...ids.map(() => 'SUPERSEDED'), 'MEMORIZED']);
    await expectTrueNumbers(pool);
    expect((await consolidate(api.admin, { pool })).changes).toEqual([]);
  });

  it('is not known before it was made, and what it archived was', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    const before = new Date().toISOString();
    const { changes } = await consolidate(api.admin, { pool });
    const idsAt = async (asOf: string) =>
      (await recall(coder, 'the kiln cracked the largest bowl', { pools: [pool], asOf })).hits.map(
        ({ memory }) => memory.id,
      );
    expect(await idsAt(before)).toContain(ids[3]);
    expect(await idsAt(before)).not.toContain(changes[0]?.after?.id);
    expect(await idsAt(new Date().toISOString())).toEqual([changes[0]?.after?.id]);
  });

  it('folds near-duplicates into the one that says more', async () => {
    const pool = await newPool();
    const ids = [await fact(pool, LONG), await fact(pool, `${LONG} tonight`)];
    const run = await consolidate(api.admin, { pool });
    expect(run).toMatchObject({ merged: 1, summarized: 0 });
    expect(run.changes[0]).toMatchObject({ kind: 'MERGED', before: [{ id: ids[0] }], after: { id: ids[1] } });
    const [gone, stays] = await memoriesByIds(coder, ids);
    expect([gone?.status, stays?.status, stays?.derivedFrom.map(({ id }) => id)]).toEqual([
      'ARCHIVED',
      'ACTIVE',
      [ids[0]],
    ]);
  });

  it('supersedes facts that newer ones contradict, and says by which', async () => {
    const pool = await newPool();
    const older = await fact(pool, 'Ada lives in Berlin');
    const newer = await fact(pool, 'Ada moved to Munich');
    const run = await consolidate(api.admin, { pool });
    expect(run).toMatchObject({ superseded: 1, merged: 0 });
    const { memory } = await coder.ask<{ memory: unknown }>(
      `{ memory(id: "${older}") { status supersededBy { id derivedFrom { id } } } }`,
    );
    expect(memory).toEqual({ status: 'SUPERSEDED', supersededBy: { id: newer, derivedFrom: [] } });
  });

  it('archives what is over', async () => {
    const pool = await newPool();
    const id = await note(pool, 'for a while');
    await sql(`update memory set expires_at = now() - interval '1 hour' where memory_id = $1`, [id]);
    const run = await consolidate(api.admin, { pool });
    // What has expired is shown to nobody, here neither.
    expect(run).toMatchObject({ expired: 1, changes: [{ kind: 'EXPIRED', before: [], after: null }] });
    expect(await sql('select status from memory where memory_id = $1', [id])).toEqual([{ status: 'ARCHIVED' }]);
    await expectTrueNumbers(pool);
  });

  it('raises what is recalled often, and lowers what never is', async () => {
    const pool = await newPool();
    const often = await fact(pool, 'the build takes nine minutes', { importance: 'LOW' });
    await recalled([often], 9);
    const never = await notRecalled(pool);
    const seq = await seqOf(pool);
    const run = await consolidate(api.admin, { pool });
    expect(run).toMatchObject({ boosted: 1, faded: 1 });
    const weights = run.changes.map(({ kind, before }) => [kind, before[0]?.id, before[0]?.importance]);
    expect(weights).toEqual(
      expect.arrayContaining([
        ['BOOSTED', often, 'MEDIUM'],
        ['FADED', never, 'LOW'],
      ]),
    );
    expect(await eventsOf(pool, seq)).toEqual(['REVISED', 'REVISED']);
  });

  it('counts for its summary what was recalled of the sources', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    await recalled(ids.slice(0, 2), 5);
    const { changes } = await consolidate(api.admin, { pool });
    const counted = await sql('select recall_count from memory_usage where memory_id = $1', [changes[0]?.after?.id]);
    expect(counted).toEqual([{ recall_count: 10 }]);
  });

  it('summarises what is older than it is told', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    expect(await consolidate(api.admin, { pool, olderThanDays: 36_500 })).toMatchObject({ summarized: 0 });
    expect(await consolidate(api.admin, { pool, olderThanDays: 0 })).toMatchObject({ summarized: ids.length });
  });

  it('leaves other pools alone', async () => {
    const [pool, other] = [await newPool(), await newPool()];
    await session(pool);
    await session(other);
    const before = await stored(other);
    await consolidate(api.admin, { pool });
    expect(await stored(other)).toEqual(before);
  });
});

describe('the feed', () => {
  it('tells whoever may read of everything that a run does', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    const reader = await FeedReader.fromNow(coder, { pools: [pool] });
    const { changes } = await consolidate(api.admin, { pool });
    const events = await reader.until(({ kind }) => kind === 'MEMORIZED');
    await reader.close();
    expect(events.map(({ kind, memoryId, memory }) => [kind, memoryId, memory?.status])).toEqual([
      ...ids.map((id) => ['SUPERSEDED', id, 'ARCHIVED']),
      ['MEMORIZED', changes[0]?.after?.id, 'ACTIVE'],
    ]);
  });
});

describe('a dry run', () => {
  it('tells what would change, and changes nothing', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    const before = [await stored(pool), await seqOf(pool)];
    const run = await consolidate(api.admin, { pool, dryRun: true });
    expect(run).toMatchObject({ status: 'SUCCEEDED', dryRun: true, summarized: 4 });
    expect(run.changes).toMatchObject([{ kind: 'SUMMARIZED', state: 'PLANNED', after: null }]);
    expect(run.changes[0]?.before.map(({ id }) => id)).toEqual(ids);
    expect([await stored(pool), await seqOf(pool)]).toEqual(before);
    const real = await consolidate(api.admin, { pool });
    expect(run.changes[0]?.text).toBe(real.changes[0]?.after?.content);
    expect(await api.admin.code(UNDO, { id: run.id })).toBe('CONFLICT');
  });
});

describe('who may consolidate', () => {
  it('is whoever the policy gives CONSOLIDATE there, and nobody else sees the runs', async () => {
    const pool = await newPool();
    await session(pool);
    const { id } = await consolidate(api.admin, { pool });
    expect(await coder.code(CONSOLIDATE, { input: { pool } })).toBe('FORBIDDEN');
    expect(await coder.code(UNDO, { id })).toBe('NOT_FOUND');
    expect(await runById(coder, id)).toBeNull();
    expect([await runsOf(coder), await runsOf(coder, pool)]).toEqual([[], []]);
    const tester = await api.agent('tester');
    expect(await tester.code(CONSOLIDATE, { input: { pool } })).toBe('BAD_INPUT');
    expect((await runsOf(api.admin, pool)).map((run) => run.id)).toEqual([id]);
  });

  it('is shown of the memories what they may read', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    await editPolicy(api.admin, (statements) => [...statements, allow('tester', ['CONSOLIDATE'], [pool])]);
    const tester = await api.agent('tester');
    const dry = await consolidate(tester, { pool, dryRun: true });
    expect(dry).toMatchObject({ summarized: 4, changes: [{ before: [], after: null, text: null }] });
    const run = await consolidate(tester, { pool });
    expect(run).toMatchObject({ askedBy: { id: tester.id }, changes: [{ before: [], after: null }] });
    const seen = (await runById(api.admin, run.id)) as Run;
    expect(seen.changes[0]?.before.map(({ id }) => id)).toEqual(ids);
  });

  it('needs it for all of the pool', async () => {
    const pool = await newPool();
    const some = allow('tester', ['CONSOLIDATE'], [pool], { where: { entityId: { eq: 'ada' } } });
    await editPolicy(api.admin, (statements) => [...statements, some]);
    const tester = await api.agent('tester');
    expect(await tester.code(CONSOLIDATE, { input: { pool } })).toBe('FORBIDDEN');
    expect(await runsOf(tester, pool)).toEqual([]);
  });

  it('is told in the audit log', async () => {
    const pool = await newPool();
    const run = await consolidate(api.admin, { pool });
    await undo(api.admin, run.id);
    const { auditLog } = await api.admin.ask<{ auditLog: { nodes: Record<string, unknown>[] } }>(
      '{ auditLog(first: 2) { nodes { action target detail principal { role } } } }',
    );
    expect(auditLog.nodes).toMatchObject([
      { action: 'consolidation.undo', target: run.id, principal: { role: 'admin' } },
      { action: 'consolidation.run', target: run.id, detail: { dryRun: false, olderThanDays: 30 } },
    ]);
  });

  it.each([{ pool: 'nowhere' }, { pool: 'coder', olderThanDays: -1 }, { pool: '' }])('%j is refused', async (input) => {
    expect(await api.admin.code(CONSOLIDATE, { input })).toBe('BAD_INPUT');
  });
});
