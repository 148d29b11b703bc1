import { newId } from '#kernel';
import { ConsolidationWorker } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lease, type Leased } from '../../libs/memory/src/consolidation/lease.repository.js';
import { Runner } from '../../libs/memory/src/consolidation/runner.js';
import { RULES } from '../../libs/memory/src/consolidation/summarizer.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { CONSOLIDATE, runById } from '../support/consolidation.js';
import { memorize } from '../support/memories.js';

const BATCH = 1;
const SESSIONS = 8;

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
    const { access } = api.broker;
    const order = { leaseId: newId(), leaseMs: 60_000, alone: false };
    const run = (await access.system('test', (unit) => lease(unit, access.orgId, order))) as Leased;
    const runner = new Runner({ ...parts(), summarizer: RULES }, { batch: BATCH, leaseMs: 60_000 }, fail);
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
