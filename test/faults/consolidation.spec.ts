import { newId } from '#kernel';
import { ConsolidationWorker } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lease } from '../../libs/memory/src/consolidation/lease.repository.js';
import { Runner } from '../../libs/memory/src/consolidation/runner.js';
import { RULES } from '../../libs/memory/src/consolidation/summarizer.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { LONG_AGO, openPool } from '../support/consolidated-pools.js';
import { CONSOLIDATE, runById, undo } from '../support/consolidation.js';
import { itOnNative, nativeOnly } from '../support/database.js';
import { endState, store, turnsOf } from '../support/interrupted-runs.js';
import { memorize } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import { eventLogs } from './writers.js';

const PAIRS = 12;
const BATCH = 4;
const NEVER = new AbortController().signal;

describe('a run that is given up at any border of its batches', () => {
  let api: TestApi;
  let coder: TestClient;
  beforeAll(async () => {
    api = await startTestApi();
    coder = await api.agent('coder');
    // The test works at the runs itself.
    await api.broker.consolidationWorker.stop();
  });
  afterAll(() => api.close());

  const parts = () => {
    const { access, jobs } = api.broker;
    return { ...api.broker.consolidationWorker['parts'], access, jobs };
  };
  const failed = (error: unknown) => {
    throw error;
  };
  const goOn = () => new ConsolidationWorker({ ...parts(), alone: true, onError: failed }, { batch: BATCH }).look();
  const begin = async (pool: string) => {
    const input = { pool };
    return (await api.admin.ask<{ consolidate: { id: string } }>(CONSOLIDATE, { input })).consolidate.id;
  };

  /** Takes the run and does so many units of it, and then nothing more, as if the broker had been killed. */
  async function abandonAfter(units: number): Promise<void> {
    const { access } = api.broker;
    const order = { leaseId: newId(), leaseMs: 60_000, alone: false };
    const run = await access.system('test', (unit) => lease(unit, access.orgId, order));
    const runner = new Runner({ ...parts(), summarizer: RULES }, { batch: BATCH, leaseMs: 60_000 }, failed, NEVER);
    for (let unit = 0; unit < units; unit++) await runner.advance(run as NonNullable<typeof run>);
  }

  it('ends in the state of one that was not', async () => {
    await openPool(api.admin, 'whole');
    await store(coder, turnsOf('whole', PAIRS));
    await begin('whole');
    await goOn();
    const whole = await endState(coder, 'whole');
    expect(whole).toHaveLength(3 * PAIRS);
    // The plan, and each batch.
    for (let border = 0; border <= 1 + PAIRS / BATCH; border++) {
      const pool = `cut-${border}`;
      await openPool(api.admin, pool);
      await store(coder, turnsOf(pool, PAIRS));
      const id = await begin(pool);
      await abandonAfter(border);
      await goOn();
      expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', summarized: 2 * PAIRS, skipped: 0 });
      expect(await endState(coder, pool)).toEqual(whole);
    }
    for (const log of await eventLogs(api.broker.database))
      expect(log).toMatchObject({ most: log.events, seq: log.events });
  });

  it('is undone to the end, too', async () => {
    await openPool(api.admin, 'undone');
    await store(coder, turnsOf('undone', PAIRS));
    const before = await endState(coder, 'undone');
    const id = await begin('undone');
    await goOn();
    await undo(api.admin, id);
    await abandonAfter(2);
    await goOn();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'UNDONE', left: 0 });
    const after = await endState(coder, 'undone');
    expect(after.filter((state) => !state.includes('FORGOTTEN'))).toEqual(before);
    expect(after).toHaveLength(before.length + PAIRS);
  });

  it('keeps others out of the pool, and another broker from its work', async () => {
    await openPool(api.admin, 'busy');
    await store(coder, turnsOf('busy', PAIRS));
    const id = await begin('busy');
    await abandonAfter(2);
    expect(await api.admin.code(CONSOLIDATE, { input: { pool: 'busy' } })).toBe('CONFLICT');
    await new ConsolidationWorker({ ...parts(), alone: false, onError: failed }, { batch: BATCH }).look();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'RUNNING', summarized: 2 * BATCH });
    await goOn();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', summarized: 2 * PAIRS });
  });

  it('skips what others have changed since the plan', async () => {
    await openPool(api.admin, 'changed');
    const turns = turnsOf('changed', 2);
    const ids = [];
    for (const turn of turns) ids.push(await memorize(coder, turn));
    const id = await begin('changed');
    await abandonAfter(1);
    const revised = { id: ids[0], expectedVersion: 1, content: 'revised in between' };
    await coder.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', { input: revised });
    await goOn();
    const run = await runById(api.admin, id);
    expect(run).toMatchObject({ status: 'SUCCEEDED', summarized: 2, skipped: 2 });
    expect(run?.changes.map(({ state }) => state)).toEqual(['SKIPPED', 'APPLIED']);
    const [first] = (await endState(coder, 'changed')).filter((state) => state.includes('revised in between'));
    expect(JSON.parse(first as string)).toMatchObject({ status: 'ACTIVE', version: 2 });
  });

  it('makes no summary of what an edit of the policy tells apart by then', async () => {
    await openPool(api.admin, 'apart');
    const ids = [];
    for (const turn of turnsOf('apart', 1)) ids.push(await memorize(coder, turn));
    const written = 'select created_at::text as at from memory where memory_id = $1';
    const { rows } = await api.broker.database.maintenance<{ at: string }>(written, [ids[1]]);
    const id = await begin('apart');
    await abandonAfter(1);
    const where = { createdAt: { lt: new Date(rows[0]?.at as string).toISOString() } };
    await editPolicy(api.admin, (statements) => [...statements, allow('tester', ['READ'], ['apart'], { where })]);
    await goOn();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', summarized: 0, skipped: 2 });
  });

  itOnNative(nativeOnly('beside four writers loses nothing, and writes over nothing'), async () => {
    await openPool(api.admin, 'shared-work');
    await store(coder, turnsOf('shared-work', 150));
    const stop = new AbortController();
    const writers = [0, 1, 2, 3].map((name) => writeOn(coder, 'shared-work', name, stop.signal));
    const worker = new ConsolidationWorker({ ...parts(), alone: false, onError: failed }, { batch: BATCH });
    for (let round = 0; round < 3; round++) {
      const id = await begin('shared-work');
      await worker.look();
      expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', error: null });
    }
    stop.abort();
    const written = await Promise.all(writers);
    expect(written.flatMap(({ codes }) => codes)).toEqual([]);
    const said = await api.broker.database.maintenance<{ id: string; content: string | null; version: number }>(
      'select memory_id as id, content, version from memory',
    );
    const byId = new Map(said.rows.map((row) => [row.id, row]));
    const wrong = written.flatMap(({ last }) =>
      [...last].filter(
        ([id, { content, version }]) => byId.get(id)?.content !== content || byId.get(id)?.version !== version,
      ),
    );
    expect(wrong).toEqual([]);
    expect(written.every(({ last }) => last.size > 10)).toBe(true);
    const [numbers] = (
      await api.broker.database.maintenance(
        `select p.memories = (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id and m.status = 'ACTIVE')
           as counted from pool p where p.key = 'shared-work'`,
      )
    ).rows;
    expect(numbers).toEqual({ counted: true });
  });
});

interface Written {
  /** What was acknowledged last, of each memory. */
  last: Map<string, { content: string | null; version: number }>;
  codes: string[];
}

/** Writes, revises and forgets what is there, until it is told to stop. */
async function writeOn(client: TestClient, pool: string, name: number, signal: AbortSignal): Promise<Written> {
  const written: Written = { last: new Map(), codes: [] };
  for (let turn = 0; !signal.aborted; turn++) {
    const session = { sessionId: `of writer ${name}, ${turn >> 2}`, validFrom: LONG_AGO };
    const content = `writer ${name} notes ${turn}`;
    const id = await memorize(client, { pool, content, ...session });
    written.last.set(id, { content, version: 1 });
    if (turn % 3 === 0) {
      const input = { id, expectedVersion: 1, content: `${content}, revised` };
      const answer = await client.send('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', { input });
      const code = answer.errors?.[0]?.extensions.code;
      // A run may have been there before.
      if (!code) written.last.set(id, { content: input.content, version: 2 });
      else if (code !== 'CONFLICT') written.codes.push(code);
    }
    if (turn % 7 === 0) {
      await client.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id });
      written.last.set(id, { content: null, version: (written.last.get(id)?.version ?? 1) + 1 });
    }
  }
  return written;
}
