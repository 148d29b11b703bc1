import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { consolidatedPools, TURNS } from '../support/consolidated-pools.js';
import { consolidate, undo, UNDO } from '../support/consolidation.js';
import { memoriesByIds } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import { promote } from '../support/review.js';

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const pools = consolidatedPools(() => ({ api, coder }));
const { newPool, note, fact, session, notRecalled, stored, expectTrueNumbers, eventsOf, seqOf } = pools;

/** With a word more it says the same. */
const LONG =
  'always run the database migrations and the slow integration suite before starting the new message broker on the production server';
const statusOf = async (ids: string[]) => (await memoriesByIds(coder, ids)).map((memory) => memory?.status);

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
