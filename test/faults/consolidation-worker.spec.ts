import { newId } from '#kernel';
import { ConsolidationWorker } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lease, type Leased } from '../../libs/memory/src/consolidation/lease.repository.js';
import { Runner } from '../../libs/memory/src/consolidation/runner.js';
import { RULES, type Summarizer } from '../../libs/memory/src/consolidation/summarizer.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { CONSOLIDATE, runById } from '../support/consolidation.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';

const BATCH = 1;
const SESSIONS = 8;
const NEVER = new AbortController().signal;

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  // The test works at the runs itself.
  await api.broker.consolidationWorker.stop();
});
afterAll(() => api.close());

const parts = () => api.broker.consolidationWorker['parts'];
const sql = async <Row extends object>(text: string): Promise<Row[]> =>
  (await api.broker.database.maintenance<Row & Record<string, unknown>>(text)).rows;

let rounds = 0;
/** With so many steps, each of a session. */
async function begin(): Promise<string> {
  const round = rounds++;
  for (let place = 0; place < 2 * SESSIONS; place++) {
    const sessionId = `session ${round}, ${place >> 1}`;
    await memorize(coder, { content: `turn ${place} of ${sessionId}`, sessionId, validFrom: '2024-03-01T10:00:00Z' });
  }
  return (await api.admin.ask<{ consolidate: { id: string } }>(CONSOLIDATE, { input: { pool: 'coder' } })).consolidate
    .id;
}

async function take(): Promise<Leased> {
  const { access } = api.broker;
  const order = { leaseId: newId(), leaseMs: 60_000, alone: false };
  return (await access.system('test', (unit) => lease(unit, access.orgId, order))) as Leased;
}

describe('stopping the broker', () => {
  async function stopWhile(step: 'summarize' | 'contradictions'): Promise<void> {
    for (const content of ['Ada keeps bees', 'The hives were sold'])
      await memorize(coder, { content: `${content}, ${step}`, type: 'DECLARATIVE', entityId: step });
    const id = await begin();
    const asked = new Set<string>();
    // As slow as can be, and deaf to its signal.
    const slow = (name: string) => () => (asked.add(name), new Promise<never>(() => undefined));
    const summarizer: Summarizer = {
      mode: 'LLM',
      summarize: RULES.summarize,
      contradictions: () => Promise.resolve([]),
    };
    summarizer[step] = slow(step);
    const worker = new ConsolidationWorker({ ...parts(), summarizer, alone: false, onError: fail }, { batch: BATCH });
    worker.wake();
    await eventually(() => Promise.resolve(asked.has(step)));
    await worker.stop();
    const [left] = await sql(
      `select status, lease_id, failures, fallbacks, leased_until <= clock_timestamp() as free from consolidation_run where run_id = '${id}'`,
    );
    expect(left).toEqual({ status: 'RUNNING', lease_id: null, failures: 0, fallbacks: 0, free: true });
    await new ConsolidationWorker({ ...parts(), alone: false, onError: fail }).look();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', summarized: 2 * SESSIONS });
  }

  it('waits for no contradictions from a slow model, and gives the run back', () => stopWhile('contradictions'));
  it('waits for no summary of a slow model, and gives the run back', () => stopWhile('summarize'));
});

describe('a plan by rules', () => {
  it('holds on to its run while it is made', async () => {
    for (const entityId of ['ada', 'grace', 'alan'])
      for (const place of [1, 2])
        await memorize(coder, { content: `${entityId} has ${place} hives`, type: 'DECLARATIVE', entityId });
    const id = await begin();
    await sql(`create sequence held`);
    await sql(`create function count_held() returns trigger language plpgsql security definer as $$
      begin
        if old.leased_until <> new.leased_until and new.planned_at is null then perform nextval('held'); end if;
        return new;
      end $$`);
    await sql(
      `create trigger count_held before update on consolidation_run for each row execute function count_held()`,
    );
    const run = await take();
    // A lease of no time is due for longer at every pause.
    await new Runner({ ...parts(), summarizer: RULES }, { batch: BATCH, leaseMs: 0 }, fail, NEVER).advance(run);
    await sql(`drop trigger count_held on consolidation_run`);
    const [held] = await sql<{ times: string }>(`select last_value as times from held`);
    // For each entity and for the page that was read, beside the two other steps and the storing.
    expect(Number(held?.times)).toBeGreaterThanOrEqual(3 + 1 + 2 + 1);
    await new ConsolidationWorker({ ...parts(), alone: false, onError: fail }).look();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED' });
  });
});

describe('the failures of a run', () => {
  it('count in a row: units that fail once each do not end it', async () => {
    // A sequence is not rolled back: every other unit fails.
    await sql(`create sequence flaky`);
    await sql(`create function flake() returns trigger language plpgsql security definer as $$
      begin
        if old.summarized <> new.summarized and nextval('flaky') % 2 = 1 then raise 'flaky'; end if;
        return new;
      end $$`);
    await sql(`create trigger flake before update on consolidation_run for each row execute function flake()`);
    const id = await begin();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const worker = new ConsolidationWorker({ ...parts(), alone: false, onError }, { batch: BATCH, retryMs: 0 });
    for (let visit = 0; visit <= SESSIONS; visit++) await worker.look();
    await sql(`drop trigger flake on consolidation_run`);
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED', error: null, summarized: 2 * SESSIONS });
    expect(errors).toHaveLength(SESSIONS);
  });

  it('are forgotten with the plan and with each step that went well, also where the broker is killed after it', async () => {
    const id = await begin();
    const failures = async () =>
      (await sql<{ failures: number }>(`select failures from consolidation_run where run_id = '${id}'`))[0]?.failures;
    const run = await take();
    const runner = new Runner({ ...parts(), summarizer: RULES }, { batch: BATCH, leaseMs: 60_000 }, fail, NEVER);
    for (let done = 0; done < 2; done++) {
      await sql(`update consolidation_run set failures = 4 where run_id = '${id}'`);
      await runner.advance(run);
      expect(await failures()).toBe(0);
    }
    await sql(`update consolidation_run set leased_until = now() where run_id = '${id}'`);
    await new ConsolidationWorker({ ...parts(), alone: false, onError: fail }).look();
    expect(await runById(api.admin, id)).toMatchObject({ status: 'SUCCEEDED' });
  });
});

const fail = (error: unknown) => {
  throw error;
};
