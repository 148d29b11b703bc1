import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { consolidate, CONSOLIDATE, runById, runsOf, undo, UNDO, type Run } from '../support/consolidation.js';
import { FeedReader } from '../support/feed.js';
import { memoriesByIds, memorize, recall } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import { promote } from '../support/review.js';

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await api.broker.database.maintenance<Row & Record<string, unknown>>(text, values)).rows;
const LONG_AGO = '2024-03-01T10:00:00Z';

let pools = 0;
/** A pool of its own, that coders write to and admins consolidate. */
async function newPool(): Promise<string> {
  const key = `pool-${pools++}`;
  await api.admin.send('mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }', {
    input: { key, kind: 'SHARED' },
  });
  await editPolicy(api.admin, (statements) => [
    ...statements,
    allow('coder', ['READ', 'WRITE', 'REVISE', 'FORGET'], [key]),
  ]);
  return key;
}

const note = (pool: string, content: string, rest: Record<string, unknown> = {}) =>
  memorize(coder, { pool, content, ...rest });
const fact = (pool: string, content: string, rest: Record<string, unknown> = {}) =>
  note(pool, content, { type: 'DECLARATIVE', entityId: 'ada', ...rest });

/** With a word more it says the same. */
const LONG =
  'always run the database migrations and the slow integration suite before starting the new message broker on the production server';
const TURNS = [
  'Ada: Hey! I ran a charity race last Saturday',
  'Ada: The violin lessons begin in Lisbon',
  'Ada: I bought 3 blue bowls',
  'Ada: The kiln cracked the largest bowl',
];
async function session(pool: string, name = 'monday'): Promise<string[]> {
  const ids: string[] = [];
  const about = { sessionId: name, entityId: 'ada', speaker: 'Ada', validFrom: LONG_AGO, labels: ['diary'] };
  for (const content of TURNS)
    ids.push(await note(pool, `${content} (${name})`, { ...about, metadata: { from: 'chat', content } }));
  return ids;
}

/** All that is stored of a pool's memories, but for the tombstones of summaries. */
const stored = (pool: string) =>
  sql(
    `select to_jsonb(m) - 'touched' as memory from memory m join pool p using (org_id, pool_id)
     where p.key = $1 and not (m.status = 'FORGOTTEN' and m.consolidated_at is not null) order by m.memory_id`,
    [pool],
  );
/** What the pool counts is what is there, and its events are numbered without a hole. */
async function expectTrueNumbers(pool: string): Promise<void> {
  const [numbers] = await sql(
    `select p.memories = (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id and m.status = 'ACTIVE')
       as counted, p.seq = (select count(*) from memory_event e where e.org_id = p.org_id and e.pool_id = p.pool_id) as dense
     from pool p where p.key = $1`,
    [pool],
  );
  expect(numbers).toEqual({ counted: true, dense: true });
}
const eventsOf = async (pool: string, after: number) =>
  (
    await sql<{ kind: string }>(
      'select e.kind from memory_event e join pool p using (org_id, pool_id) where p.key = $1 and e.seq > $2 order by e.seq',
      [pool, after],
    )
  ).map(({ kind }) => kind);
const seqOf = async (pool: string) =>
  Number((await sql<{ seq: number }>('select seq from pool where key = $1', [pool]))[0]?.seq);
const recalled = (ids: string[], times: number, last = 'now()') =>
  sql(
    `insert into memory_usage select org_id, memory_id, pool_id, $2, ${last} from memory where memory_id = any($1::uuid[])`,
    [ids, times],
  );
/** There for long. */
async function notRecalled(pool: string): Promise<string> {
  const id = await note(pool, 'nobody asks for this', { type: 'PROCEDURAL' });
  await sql(`update memory set created_at = now() - interval '100 days' where memory_id = $1`, [id]);
  return id;
}
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

describe('undoing a run', () => {
  async function busyPool(): Promise<{ pool: string; ids: string[] }> {
    const pool = await newPool();
    const ids = await session(pool);
    await fact(pool, 'Ada lives in Berlin');
    await fact(pool, 'Ada moved to Munich');
    for (const content of ['Retry the upload twice', 'retry the uploads twice!'])
      await note(pool, content, { type: 'PROCEDURAL' });
    await notRecalled(pool);
    return { pool, ids };
  }

  it('restores exactly what was there, and leaves a tombstone of the summary', async () => {
    const { pool } = await busyPool();
    const before = await stored(pool);
    const run = await consolidate(api.admin, { pool });
    expect(run).toMatchObject({ summarized: 4, superseded: 1, merged: 1, faded: 1 });
    expect(await stored(pool)).not.toEqual(before);
    const seq = await seqOf(pool);
    const undone = await undo(api.admin, run.id);
    expect(undone).toMatchObject({ status: 'UNDONE', left: 0, summarized: 4 });
    expect(undone.changes.map(({ state }) => state)).toEqual(['UNDONE', 'UNDONE', 'UNDONE', 'UNDONE']);
    expect(await stored(pool)).toEqual(before);
    expect((await eventsOf(pool, seq)).sort()).toEqual(['FORGOTTEN', ...Array.from({ length: 7 }, () => 'REVISED')]);
    await expectTrueNumbers(pool);
    expect(await api.admin.code(UNDO, { id: run.id })).toBe('CONFLICT');
    expect(await consolidate(api.admin, { pool })).toMatchObject({ summarized: 4, superseded: 1 });
  });

  it('leaves the way from a source to what was made of its summary: to erase the one erases the other', async () => {
    const pool = await newPool();
    const [, , blue] = await session(pool);
    await editPolicy(api.admin, (statements) => [...statements, allow('admin', ['WRITE', 'FORGET'], ['shared', pool])]);
    const run = await consolidate(api.admin, { pool });
    const copy = (await promote(api.admin, run.changes[0]?.after?.id as string, 'shared')).memory.id;
    await undo(api.admin, run.id);
    const { erase } = await api.admin.ask<{ erase: { ids: string[] } }>(
      'mutation ($input: EraseInput!) { erase(input: $input) { ids } }',
      { input: { id: blue } },
    );
    expect(erase.ids.sort()).toEqual([blue, copy].sort());
  });

  it('leaves what an author said that a memory was made from', async () => {
    const pool = await newPool();
    const first = await fact(pool, LONG);
    const second = await fact(pool, `${LONG} tonight`, { derivedFrom: [first] });
    const run = await consolidate(api.admin, { pool });
    expect(run.changes).toMatchObject([{ kind: 'MERGED', before: [{ id: first }], after: { id: second } }]);
    await undo(api.admin, run.id);
    const [back, stays] = await memoriesByIds(coder, [first, second]);
    expect(back?.status).toBe('ACTIVE');
    expect(stays?.derivedFrom.map(({ id }) => id)).toEqual([first]);
  });

  it('leaves what others have changed since, and says how much that is', async () => {
    const { pool, ids } = await busyPool();
    const run = await consolidate(api.admin, { pool });
    const summary = run.changes.find(({ kind }) => kind === 'SUMMARIZED')?.after?.id;
    await coder.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
      input: { id: summary, expectedVersion: 1, content: 'in my own words' },
    });
    const undone = await undo(api.admin, run.id);
    expect(undone).toMatchObject({ status: 'UNDONE', left: 4 });
    const states = Object.fromEntries(undone.changes.map(({ kind, state }) => [kind, state]));
    expect(states).toEqual({ SUMMARIZED: 'LEFT', SUPERSEDED: 'UNDONE', MERGED: 'UNDONE', FADED: 'UNDONE' });
    expect(await statusOf([summary as string, ...ids])).toEqual(['ACTIVE', ...ids.map(() => 'ARCHIVED')]);
    await expectTrueNumbers(pool);
  });

  it('leaves a source that was forgotten, and one that says what was stored again', async () => {
    const pool = await newPool();
    const ids = await session(pool);
    const run = await consolidate(api.admin, { pool });
    await coder.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: ids[0] });
    const again = await note(pool, `${TURNS[1]} (monday)`, { entityId: 'ada' });
    expect(await undo(api.admin, run.id)).toMatchObject({ status: 'UNDONE', left: 2 });
    expect(await statusOf([...ids, again])).toEqual(['FORGOTTEN', 'ARCHIVED', 'ACTIVE', 'ACTIVE', 'ACTIVE']);
    await expectTrueNumbers(pool);
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
