import type { Database } from '#platform';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApi, TestClient, type Answer, type TestApi } from '../support/api.js';
import { createNativeDatabase, nativeOnly, openTestDatabase, itOnNative } from '../support/database.js';
import { eventLogs } from './writers.js';

let api: TestApi;
let database: Database;
let coder: TestClient & { id: string };

beforeAll(async () => {
  api = await startTestApi();
  database = api.broker.database;
});
afterAll(() => api.close());
beforeEach(async () => {
  coder = await api.agent('coder');
});

interface Payload {
  outcome: string;
  memory: { id: string; version: number };
}

const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id version } } }';
const MANY = `mutation ($inputs: [MemorizeInput!]!) {
  memorizeMany(inputs: $inputs) { results { outcome memory { id version } } failures { index code message } } }`;
const REVISE = 'mutation ($input: ReviseInput!) { revise(input: $input) { id version } }';
const ACTIVATE = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';
const CREATE_ROLE = 'mutation ($input: CreateRoleInput!) { createRole(input: $input) { key } }';
const CREATE_POOL = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';
const POLICY = '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }';

const memory = (content: string, rest: object = {}) => ({ content, type: 'EPISODIC', ...rest });
const times = <Result>(n: number, work: (i: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: n }, (_, i) => work(i)));
const codeOf = ({ errors }: Answer) => errors?.[0]?.extensions.code ?? 'OK';

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

async function storedIds(content: string): Promise<string[]> {
  const { rows } = await database.maintenance<{ id: string }>('select memory_id as id from memory where content = $1', [
    content,
  ]);
  return rows.map((row) => row.id);
}

async function eventCount(memoryId: string): Promise<number> {
  return (await database.maintenance('select from memory_event where memory_id = $1', [memoryId])).rowCount;
}

async function expectDenseLogs(): Promise<void> {
  const logs = await eventLogs(database);
  expect(logs.length).toBeGreaterThan(0);
  for (const log of logs) expect(log).toMatchObject({ least: 1, most: log.events, seq: log.events });
}

describe('parallel writers', () => {
  it('of one content make one memory with one event, and all but one are told of the duplicate', async () => {
    const content = 'the build needs node 20';
    const answers = await times(64, () => coder.ask<{ memorize: Payload }>(MEMORIZE, { input: memory(content) }));
    expect(tally(answers.map(({ memorize }) => memorize.outcome))).toEqual({ CREATED: 1, DUPLICATE: 63 });
    const ids = await storedIds(content);
    expect(ids).toHaveLength(1);
    expect(new Set(answers.map(({ memorize }) => memorize.memory.id))).toEqual(new Set(ids));
    expect(await eventCount(ids[0] as string)).toBe(1);
    const { rows } = await database.maintenance('select corroborations from memory where memory_id = $1', [ids[0]]);
    expect(rows).toEqual([{ corroborations: 63 }]);
  });

  it('of one proposal make one proposal', async () => {
    const input = memory('the shared convention is four spaces', { pool: 'shared' });
    const answers = await times(32, () => coder.ask<{ memorize: Payload }>(MEMORIZE, { input }));
    expect(tally(answers.map(({ memorize }) => memorize.outcome))).toEqual({ PROPOSED: 1, DUPLICATE: 31 });
    expect(await storedIds(input.content)).toHaveLength(1);
  });

  it('with one idempotency key are all answered with one memory and one outcome', async () => {
    const input = memory('the deployment is on fridays', { idempotencyKey: 'friday' });
    const answers = await times(64, () => coder.ask<{ memorize: Payload }>(MEMORIZE, { input }));
    const [id] = await storedIds(input.content);
    expect(new Set(answers.map(({ memorize }) => `${memorize.outcome} ${memorize.memory.id}`))).toEqual(
      new Set([`CREATED ${id}`]),
    );
    expect(await eventCount(id as string)).toBe(1);
  });

  it('with one idempotency key and different inputs: one is stored, and the others are in conflict', async () => {
    const answers = await times(24, (i) =>
      coder.send(MEMORIZE, { input: memory(`variant ${i}`, { idempotencyKey: 'variants' }) }),
    );
    expect(tally(answers.map(codeOf))).toEqual({ OK: 1, CONFLICT: 23 });
    const { rowCount } = await database.maintenance(`select from memory where content like 'variant %'`);
    expect(rowCount).toBe(1);
  });

  it('of one batch in opposite orders wait for each other, and none fails', async () => {
    const contents = Array.from({ length: 30 }, (_, i) => `contended finding ${i}`);
    const answers = await times(20, (i) => {
      const inputs = contents.map((content, n) =>
        memory(content, { pool: n % 3 === 0 ? 'shared' : 'coder', idempotencyKey: `${i} ${content}` }),
      );
      return coder.ask<{ memorizeMany: { results: Payload[]; failures: unknown[] } }>(MANY, {
        inputs: i % 2 ? inputs : inputs.reverse(),
      });
    });
    for (const { memorizeMany } of answers) {
      expect(memorizeMany.failures).toEqual([]);
      expect(memorizeMany.results).toHaveLength(30);
    }
    for (const content of contents) expect(await storedIds(content)).toHaveLength(1);
  });

  it('of batches, with revisions and forgetting between them, number the events of each pool 1 to n', async () => {
    const writers = await times(8, (i) => api.agent(i % 2 ? 'coder' : 'reviewer'));
    const work = writers.map(async (writer, i) => {
      for (let turn = 0; turn < 5; turn++) {
        const inputs = Array.from({ length: 10 }, (_, n) =>
          memory(`writer ${i} turn ${turn} note ${n}`, n % 2 ? { pool: 'shared' } : {}),
        );
        const { memorizeMany } = await writer.ask<{ memorizeMany: { results: Payload[] } }>(MANY, { inputs });
        const own = memorizeMany.results.filter((_, n) => n % 2 === 0);
        const input = { id: own[0]?.memory.id, expectedVersion: 1, content: `writer ${i} turn ${turn} revised` };
        await writer.ask(REVISE, { input });
        await writer.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: own[1]?.memory.id });
      }
    });
    await Promise.all(work);
    await expectDenseLogs();
    const { rows } = await database.maintenance<{ kind: string; n: number }>(
      `select e.kind, count(*) as n from memory_event e join memory m on m.org_id = e.org_id and m.memory_id = e.memory_id
       where m.author_id = any($1::uuid[]) group by e.kind`,
      [writers.map((writer) => writer.id)],
    );
    expect(Object.fromEntries(rows.map(({ kind, n }) => [kind, n]))).toEqual({
      MEMORIZED: 300,
      PROPOSED: 100,
      REVISED: 40,
      FORGOTTEN: 40,
    });
  });
});

describe('parallel revisions', () => {
  it('from one version: one wins, and the others are in conflict', async () => {
    const { memorize } = await coder.ask<{ memorize: Payload }>(MEMORIZE, { input: memory('the port is 4000') });
    const { id } = memorize.memory;
    const answers = await times(50, (i) =>
      coder.send(REVISE, { input: { id, expectedVersion: 1, content: `the port is ${i}` } }),
    );
    expect(tally(answers.map(codeOf))).toEqual({ OK: 1, CONFLICT: 49 });
    const query = 'query ($id: ID!) { memory(id: $id) { version content history { version content } } }';
    const { memory: now } = await coder.ask<{ memory: { version: number; history: { content: string }[] } }>(query, {
      id,
    });
    expect(now.version).toBe(2);
    expect(now.history.map((revision) => revision.content)[1]).toBe('the port is 4000');
    expect(await eventCount(id)).toBe(2);
  });

  it('of two memories to each other’s content end without a failure of the service', async () => {
    const contents = ['the left one', 'the right one'];
    const made = await times(2, (i) =>
      coder.ask<{ memorize: Payload }>(MEMORIZE, { input: memory(contents[i] as string) }),
    );
    const answers = await times(20, (i) =>
      coder.send(REVISE, {
        input: { id: made[i % 2]?.memorize.memory.id, expectedVersion: 1, content: contents[1 - (i % 2)] },
      }),
    );
    expect(Object.keys(tally(answers.map(codeOf)))).toEqual(['CONFLICT']);
  });

  it('and forgetting: what was forgotten stays forgotten', async () => {
    const { memorize } = await coder.ask<{ memorize: Payload }>(MEMORIZE, {
      input: memory('a secret was pasted here'),
    });
    const { id } = memorize.memory;
    const answers = await times(20, (i) =>
      i === 10
        ? coder.send('mutation ($id: ID!) { forget(id: $id) { id } }', { id })
        : coder.send(REVISE, { input: { id, expectedVersion: 1, content: `revision ${i} of the secret` } }),
    );
    expect(codeOf(answers[10] as Answer)).toBe('OK');
    const codes = tally(answers.filter((_, i) => i !== 10).map(codeOf));
    expect((codes['NOT_FOUND'] ?? 0) + (codes['CONFLICT'] ?? 0) + (codes['OK'] ?? 0)).toBe(19);
    const { rows } = await database.maintenance('select status, content from memory where memory_id = $1', [id]);
    expect(rows).toEqual([{ status: 'FORGOTTEN', content: null }]);
    expect((await database.maintenance('select from memory_revision where memory_id = $1', [id])).rowCount).toBe(0);
  });
});

describe('parallel administration', () => {
  it('makes one role of one key, and tells the others of the conflict', async () => {
    const answers = await times(16, () => api.admin.send(CREATE_ROLE, { input: { key: 'analyst' } }));
    expect(tally(answers.map(codeOf))).toEqual({ OK: 1, CONFLICT: 15 });
    const { roles, pools } = await api.admin.ask<{ roles: { key: string }[]; pools: { key: string }[] }>(
      '{ roles { key } pools { key } }',
    );
    for (const list of [roles, pools]) expect(list.filter(({ key }) => key === 'analyst')).toHaveLength(1);
  });

  it('activates each version of the policy exactly once', async () => {
    const { policy } = await api.admin.ask<{ policy: { version: number; statements: object[] } }>(POLICY);
    for (let round = 0; round < 5; round++) {
      const expectedVersion = policy.version + round;
      const answers = await times(8, (i) =>
        api.admin.send(ACTIVATE, { input: { expectedVersion, statements: policy.statements, comment: `edit ${i}` } }),
      );
      expect(tally(answers.map(codeOf))).toEqual({ OK: 1, CONFLICT: 7 });
      const won = answers.find((answer) => !answer.errors)?.data;
      expect(won).toEqual({ activatePolicy: { policy: { version: expectedVersion + 1 } } });
    }
  });

  it.each([
    [
      'pools are made',
      async (i: number) => api.admin.ask(CREATE_POOL, { input: { key: `made-${i}`, kind: 'SHARED' } }),
    ],
    ['the policy is edited', editPolicy],
  ])('while %s, nobody who writes or reads is answered with a failure', async (what, change) => {
    let over = false;
    const changing = (async () => {
      for (let i = 0; i < 12; i++) await change(i);
      over = true;
    })();
    const codes: string[] = [];
    const writing = times(6, async (writer) => {
      for (let n = 0; !over || n < 5; n++) {
        codes.push(codeOf(await coder.send(MEMORIZE, { input: memory(`while ${what}: ${writer} ${n}`) })));
        codes.push(
          codeOf(
            await coder.send(
              '{ recall(input: {query: "finding"}) { policyVersion } memories(first: 3) { nodes { id } } }',
            ),
          ),
        );
      }
    });
    await Promise.all([changing, writing]);
    expect(tally(codes)).toEqual({ OK: codes.length });
    await expectDenseLogs();
  });

  it('a permission that was taken away is refused from the first request after it, to all who ask at once', async () => {
    const tester = await api.agent('tester');
    const { policy } = await api.admin.ask<{ policy: { version: number; statements: { id: string }[] } }>(POLICY);
    const without = policy.statements.filter((statement) => statement.id !== 'tester-own');
    let version = policy.version;
    for (let round = 0; round < 6; round++) {
      const statements = round % 2 ? policy.statements : without;
      await api.admin.ask(ACTIVATE, { input: { expectedVersion: version++, statements } });
      const answers = await times(12, (i) =>
        tester.send(MEMORIZE, { input: memory(`round ${round} by ${i}`, { pool: 'tester' }) }),
      );
      expect(tally(answers.map(codeOf))).toEqual(round % 2 ? { OK: 12 } : { BAD_INPUT: 12 });
    }
    expect((await database.maintenance(`select from memory where content like 'round 0 by %'`)).rowCount).toBe(0);
  });

  itOnNative(
    nativeOnly('a permission that is taken away at one broker is gone at the other from its first request on'),
    async () => {
      const url = await createNativeDatabase();
      const here = await startTestApi({}, await openTestDatabase(url));
      const there = await startTestApi({}, await openTestDatabase(url));
      const tester = await here.agent('tester');
      const atOther = new TestClient(there.url, tester.key);
      await atOther.ask(MEMORIZE, { input: memory('known at both', { pool: 'tester' }) });
      const { policy } = await here.admin.ask<{ policy: { version: number; statements: { id: string }[] } }>(POLICY);
      const statements = policy.statements.filter((statement) => statement.id !== 'tester-own');
      await here.admin.ask(ACTIVATE, { input: { expectedVersion: policy.version, statements } });
      const input = memory('too late', { pool: 'tester' });
      expect(codeOf(await atOther.send(MEMORIZE, { input }))).toBe('BAD_INPUT');
      const { rowCount } = await there.broker.database.maintenance(`select from memory where content = 'too late'`);
      expect(rowCount).toBe(0);
      await there.close();
      await here.close();
    },
  );
});

async function editPolicy(i: number): Promise<void> {
  const { policy } = await api.admin.ask<{ policy: { version: number; statements: object[] } }>(POLICY);
  const extra = { id: `extra-${i}`, effect: 'ALLOW', roles: ['coder'], actions: ['READ'], pools: ['tester'] };
  const statements =
    i % 2
      ? policy.statements.filter((statement) => !('id' in statement && String(statement.id).startsWith('extra')))
      : [...policy.statements, extra];
  await api.admin.ask(ACTIVATE, { input: { expectedVersion: policy.version, statements } });
}
