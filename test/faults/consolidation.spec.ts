import { newId } from '#kernel';
import { ConsolidationWorker } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { lease } from '../../libs/memory/src/consolidation/lease.repository.js';
import { Runner } from '../../libs/memory/src/consolidation/runner.js';
import { RULES } from '../../libs/memory/src/consolidation/summarizer.js';
import { registerAgent, startTestApi, TestClient, type TestApi } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { consolidate, CONSOLIDATE, runById, runsOf, undo } from '../support/consolidation.js';
import { isNative, itOnNative, nativeOnly } from '../support/database.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import { eventLogs } from './writers.js';

const LONG_AGO = '2024-03-01T10:00:00Z';
const PAIRS = 12;
const BATCH = 4;
const NEVER = new AbortController().signal;

interface Turn {
  [field: string]: unknown;
  content: string;
}
/** Two turns of a session become one memory: a step of the plan each. */
const turnsOf = (pool: string, sessions: number): Turn[] =>
  Array.from({ length: 2 * sessions }, (_, place) => {
    const sessionId = `session ${place >> 1}`;
    return { pool, type: 'EPISODIC', content: `turn ${place} of ${sessionId}`, sessionId, validFrom: LONG_AGO };
  });

const MANY = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { message } } }';
async function store(client: TestClient, turns: readonly Turn[]): Promise<void> {
  for (let from = 0; from < turns.length; from += 100) {
    const inputs = turns.slice(from, from + 100);
    const { memorizeMany } = await client.ask<{ memorizeMany: { failures: unknown[] } }>(MANY, { inputs });
    expect(memorizeMany.failures).toEqual([]);
  }
}

async function openPool(admin: TestClient, key: string): Promise<void> {
  const input = { key, kind: 'SHARED' };
  await admin.ask('mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }', { input });
  await editPolicy(admin, (statements) => [
    ...statements,
    allow('coder', ['READ', 'WRITE', 'REVISE', 'FORGET'], [key]),
  ]);
}

interface Node {
  status: string;
  content: string | null;
  version: number;
  derivedFrom: { content: string | null; status: string }[];
  supersededBy: { content: string | null } | null;
}
/** What stands in a pool, without its ids and times. */
async function endState(client: TestClient, pool: string): Promise<string[]> {
  const query = `query ($pool: String!, $after: String) {
    memories(filter: { pools: [$pool], statuses: [ACTIVE, ARCHIVED, SUPERSEDED, FORGOTTEN] }, first: 100, after: $after) {
      nodes { status content version derivedFrom { content status } supersededBy { content } } pageInfo { hasNextPage endCursor } } }`;
  const states: string[] = [];
  for (let after: string | null = null; ;) {
    const { memories }: { memories: { nodes: Node[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } =
      await client.ask(query, { pool, after });
    states.push(...memories.nodes.map((node) => JSON.stringify(node)));
    if (!memories.pageInfo.hasNextPage) return states.sort();
    after = memories.pageInfo.endCursor;
  }
}

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

/** Batches of a broker as it is started. */
const STEPS = 40;
const BATCHES = 4;

describe('a broker that is killed at its work', () => {
  const start = async (env: NodeJS.ProcessEnv) => BrokerProcess.start(env);

  async function fill(broker: BrokerProcess): Promise<TestClient> {
    const coder = await registerAgent(broker.client, 'coder');
    for (const pool of ['killed', 'whole']) {
      await openPool(broker.client, pool);
      await store(coder, turnsOf(pool, STEPS * BATCHES));
    }
    return coder;
  }
  const ended = async (broker: BrokerProcess, id: string) =>
    !['QUEUED', 'RUNNING'].includes((await runById(broker.client, id))?.status ?? '');

  async function expectTheSameAsWhole(broker: BrokerProcess, coder: TestClient, id: string): Promise<void> {
    await eventually(() => ended(broker, id));
    expect(await runById(broker.client, id)).toMatchObject({ status: 'SUCCEEDED', skipped: 0, error: null });
    await consolidate(broker.client, { pool: 'whole' });
    const here = coder.as(coder.key);
    const at = new TestClient(broker.url, here.key);
    expect(await endState(at, 'killed')).toEqual(await endState(at, 'whole'));
  }

  itOnNative(
    nativeOnly('at every border of its batches ends in the state of one that was not', 'nobody else can hold it up'),
    async () => {
      const env = await newStore();
      const database = new pg.Client({ connectionString: env['DATABASE_URL'] });
      await database.connect();
      let broker = await start(env);
      try {
        const coder = await fill(broker);
        await database.query(HOLD_UP);
        await database.query('select pg_advisory_lock(77)');
        void broker.client.send(CONSOLIDATE, { input: { pool: 'killed' } }).catch(() => undefined);
        for (let border = 0; border <= BATCHES; border++) {
          await database.query('update hold_up set behind = $1', [border === 0 ? -1 : (border - 1) * STEPS]);
          if (border > 0) broker = await start(env);
          await eventually(async () => (await waiting(database)) > 0);
          await broker.kill('SIGKILL');
          await database.query(END_WAITING);
          // Its lease would last for a minute.
          await database.query('update consolidation_run set leased_until = now()');
        }
        await database.query('update hold_up set behind = 1000000');
        broker = await start(env);
        const [run] = await runsOf(broker.client, 'killed');
        await expectTheSameAsWhole(broker, coder, run?.id as string);
      } finally {
        await database.end();
        await broker.kill('SIGTERM');
      }
    },
    240_000,
  );

  // On native Postgres the exact borders are tried above, held up by a trigger from another connection: here there is one alone.
  (isNative ? it.skip : it)(
    'again and again ends in the state of one that was not, at once after the start',
    async () => {
      const env = await newStore();
      let broker = await start(env);
      const coder = await fill(broker);
      void broker.client.send(CONSOLIDATE, { input: { pool: 'killed' } }).catch(() => undefined);
      let id = '';
      for (const atLeast of [0, 80, 160]) {
        await eventually(async () => {
          const [run] = await runsOf(broker.client, 'killed');
          id = run?.id ?? '';
          return run !== undefined && (run.summarized >= atLeast || run.status === 'SUCCEEDED');
        });
        await broker.kill('SIGKILL');
        broker = await start(env);
      }
      await expectTheSameAsWhole(broker, coder, id);
      await broker.kill('SIGTERM');
    },
    240_000,
  );
});

/** The unit that brings a run past a number of steps waits for whoever has the lock, right before its end. */
const HOLD_UP = `
  create table hold_up (behind integer not null);
  insert into hold_up values (1000000);
  create function hold_up() returns trigger language plpgsql security definer as $$
  declare
    settled integer;
  begin
    select count(*) into settled from consolidation_change where run_id = new.run_id and state <> 'PLANNED';
    if settled > (select behind from hold_up) and (old.planned_at is distinct from new.planned_at or old.summarized <> new.summarized)
    then perform pg_advisory_xact_lock(77); end if;
    return new;
  end $$;
  create trigger hold_up before update on consolidation_run for each row execute function hold_up();`;
const WAITING = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'`;
const END_WAITING = `select pg_terminate_backend(pid) from (${WAITING}) w`;
const waiting = async (database: pg.Client) => (await database.query(WAITING)).rows.length;
