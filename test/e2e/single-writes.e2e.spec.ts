import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startTestApi, type Answer, type TestApi, type TestClient } from '../support/api.js';
import { createNativeDatabase, itOnNative, nativeOnly, openTestDatabase } from '../support/database.js';
import { allow, editPolicy } from '../support/policy.js';

let api: TestApi;
let planner: TestClient;

beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
});
afterAll(async () => api.close());

const MANY =
  'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { outcome memory { pool { key } } } } }';
const MEMORIZE =
  'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id content author { id } } } }';

type Payload = { memorize: { outcome: string; memory: { id: string; content: string; author: { id: string } } } };
const write = (client: TestClient, content: string, more: object = {}): Promise<Answer> =>
  client.send(MEMORIZE, { input: { content, pool: 'planner', type: 'DECLARATIVE', ...more } });
const payload = ({ data }: Answer) => (data as Payload | null)?.memorize;
const told = (answer: Answer) => payload(answer)?.outcome ?? answer.errors?.[0]?.extensions.code;

let opened = 0;

/** Shared pools that planners alone may use. @returns their keys, in order */
async function openPools(count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, () => `opened-${opened++}`);
  for (const key of keys)
    await api.admin.ask('mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }', {
      input: { key, kind: 'SHARED' },
    });
  await editPolicy(api.admin, (statements) => [...statements, allow('planner', ['READ', 'WRITE'], keys)]);
  return keys;
}

describe('many single writes of one caller at once', () => {
  it('are each stored once, and told the memory of their own', async () => {
    const contents = Array.from({ length: 60 }, (_, nth) => `note ${nth} of many`);
    const answers = await Promise.all(contents.map((content) => write(planner, content)));
    expect(answers.map((answer) => payload(answer)?.memory.content)).toEqual(contents);
    expect(new Set(answers.map(told))).toEqual(new Set(['CREATED']));
    expect(new Set(answers.map((answer) => payload(answer)?.memory.id)).size).toBe(60);
  });

  it('number the pool without a gap', async () => {
    const { rows } = await api.broker.database.maintenance<{ events: number; top: number; seq: number }>(
      `select count(*)::int as events, max(e.seq)::int as top, max(p.seq)::int as seq from memory_event e join pool p using (pool_id) where p.key = 'planner'`,
    );
    expect(rows).toEqual([{ events: 60, top: 60, seq: 60 }]);
  });

  it('have the outcomes that they would have alone', async () => {
    const refusedWord = 'x'.repeat(32_769);
    const answers = await Promise.all([
      write(planner, 'said twice'),
      write(planner, 'under a key', { idempotencyKey: 'k' }),
      write(planner, 'said twice'),
      write(planner, refusedWord),
      write(planner, 'said twice', { entityId: 'somebody' }),
      write(planner, 'under a key', { idempotencyKey: 'k' }),
      write(planner, 'another under the key', { idempotencyKey: 'k' }),
      write(planner, 'made from nothing', { derivedFrom: ['00000000-0000-7000-8000-000000000000'] }),
      write(planner, 'in no pool', { pool: 'nowhere' }),
      write(planner, 'said twice'),
      write(planner, 'the last'),
    ]);
    const expected = ['CREATED', 'DUPLICATE', 'DUPLICATE'];
    expect([0, 2, 9].map((nth) => told(answers[nth] as Answer)).sort()).toEqual(expected);
    expect([1, 5, 6].map((nth) => told(answers[nth] as Answer)).filter((code) => code === 'CONFLICT').length).toBe(
      payload(answers[6] as Answer) ? 2 : 1,
    );
    expect([3, 4, 7, 10].map((nth) => told(answers[nth] as Answer))).toEqual([
      'BAD_INPUT',
      'CREATED',
      'BAD_INPUT',
      'CREATED',
    ]);
    expect(payload(answers[8] as Answer)).toBeUndefined();
    expect((answers[7] as Answer).errors?.[0]?.extensions.field).toBe('input.derivedFrom.0');
    const { rows } = await api.broker.database.maintenance(
      `select corroborations from memory where content = 'said twice' and entity_id is null`,
    );
    expect(rows).toEqual([{ corroborations: 2 }]);
  });

  it('to several pools go each into its own, and number each without a gap', async () => {
    const pools = await openPools(3);
    const wanted = Array.from({ length: 40 }, (_, nth) => [`to which ${nth % 30}`, pools[nth % 3] as string] as const);
    const answers = await Promise.all(wanted.map(([content, pool]) => write(planner, content, { pool })));
    // Thirty is a multiple of three: each of the last ten stands in the same pool already.
    const count = (outcome: string) => answers.filter((answer) => told(answer) === outcome).length;
    expect([count('CREATED'), count('DUPLICATE')]).toEqual([30, 10]);
    const { rows } = await api.broker.database.maintenance(
      `select p.key, p.seq::int as seq, array_agg(m.content order by m.content) as contents,
         array_agg(e.seq::int order by e.seq) as numbers, p.memories::int as memories
       from pool p join memory m using (org_id, pool_id) join memory_event e using (org_id, pool_id, memory_id)
       where p.key = any($1) group by p.key, p.seq, p.memories order by p.key`,
      [pools],
    );
    const numbers = Array.from({ length: 10 }, (_, nth) => nth + 1);
    const expected = pools.map((key) => {
      const contents = wanted.filter(([, pool]) => pool === key).map(([content]) => content);
      return { key, seq: 10, memories: 10, numbers, contents: [...new Set(contents)].sort() };
    });
    expect(rows).toEqual(expected);
  });

  it('of one content to several pools at once are a memory of each', async () => {
    const pools = await openPools(3);
    await Promise.all([
      write(planner, 'something to be under way with', { pool: pools[0] }),
      ...[1, 2].flatMap(() => pools.map((pool) => write(planner, 'said everywhere', { pool }))),
    ]);
    const { rows } = await api.broker.database.maintenance(
      `select corroborations from memory where content = 'said everywhere'`,
    );
    expect(rows).toEqual([{ corroborations: 1 }, { corroborations: 1 }, { corroborations: 1 }]);
  });

  it('of one content to several pools in one batch too', async () => {
    const [one, other] = (await openPools(2)) as [string, string];
    const inputs = [one, other, one, other].map((pool) => ({ content: 'in both', type: 'DECLARATIVE', pool }));
    const { memorizeMany } = await planner.ask(MANY, { inputs });
    const result = (outcome: string, key: string) => ({ outcome, memory: { pool: { key } } });
    const expected = [
      result('CREATED', one),
      result('CREATED', other),
      result('DUPLICATE', one),
      result('DUPLICATE', other),
    ];
    expect(memorizeMany).toEqual({ results: expected });
  });

  it('have the outcomes that the policy gives them in each pool', async () => {
    const [open, closed] = (await openPools(2)) as [string, string];
    const pools = [open, 'shared', closed, 'coder', 'nowhere', null];
    const coder = await api.agent('coder');
    const answers = await Promise.all(
      [...pools, ...pools].map((pool, nth) => write(coder, `whose ${nth} is it`, { pool })),
    );
    const outcomes = ['BAD_INPUT', 'PROPOSED', 'BAD_INPUT', 'CREATED', 'BAD_INPUT', 'CREATED'];
    expect(answers.map(told)).toEqual([...outcomes, ...outcomes]);
    expect(answers[2]?.errors?.[0]?.message).toContain(closed);
  });

  itOnNative(
    nativeOnly(
      'to other pools do not wait for one whose pool is locked, nor does what is in one batch with it wait for ever',
    ),
    async () => {
      const url = await createNativeDatabase();
      const here = await startTestApi({}, await openTestDatabase(url));
      const coder = await here.agent('coder');
      const holder = new pg.Client({ connectionString: url });
      await holder.connect();
      try {
        await holder.query(`begin; select from pool where key = 'coder' for update`);
        let isLocked = true;
        const to = async (pool: string, nth: number) => {
          const answer = await write(coder, `${pool} ${nth}`, { pool });
          return [told(answer), isLocked];
        };
        const locked = [1, 2, 3].map((nth) => to('coder', nth));
        const others = await Promise.all([1, 2, 3].map((nth) => to('shared', nth)));
        expect(others).toEqual(Array(3).fill(['PROPOSED', true]));
        isLocked = false;
        await holder.query('commit');
        expect(await Promise.all(locked)).toEqual(Array(3).fill(['CREATED', false]));

        await holder.query(`begin; select from pool where key = 'coder' for update`);
        const inputs = ['coder', 'shared'].map((pool) => ({ content: 'in one batch', type: 'DECLARATIVE', pool }));
        const batch = coder.ask(MANY, { inputs });
        const stored = async () =>
          (await holder.query(`select from memory where content = 'in one batch' and status = 'PROPOSED'`)).rowCount;
        while ((await stored()) === 0) await pause(50);
        await holder.query('commit');
        const { memorizeMany } = (await batch) as unknown as { memorizeMany: { results: { outcome: string }[] } };
        expect(memorizeMany.results.map(({ outcome }) => outcome)).toEqual(['CREATED', 'PROPOSED']);
      } finally {
        await holder.end();
        await here.close();
      }
    },
  );

  itOnNative(nativeOnly('are told although another that came with them repeats a memory that is locked'), async () => {
    const [here, there] = await openPools(2);
    // Of whom nobody knows a repeat.
    const agent = await api.agent('planner');
    await write(agent, 'known', { pool: here });
    const repeat = await api.broker.access.system('hold a memory', async (unit) => {
      await unit.query({ text: `select from memory where content = 'known' for update` });
      const [first, locked, other] = ['under way', 'known', 'new'].map((content) =>
        write(agent, content, { pool: content === 'new' ? there : here }),
      );
      expect(told((await first) as Answer)).toBe('CREATED');
      expect(told((await other) as Answer)).toBe('CREATED');
      return { locked };
    });
    expect(told((await repeat.locked) as Answer)).toBe('DUPLICATE');
  });

  it('of several callers are each its own', async () => {
    const others = [planner, await api.agent('planner'), await api.agent('planner')];
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, nth) => write(others[nth % 3] as TestClient, `of whom ${nth}`)),
    );
    const authors = answers.map((answer) => payload(answer)?.memory.author.id);
    expect(new Set(authors).size).toBe(3);
    authors.forEach((author, nth) => expect(author).toBe(authors[nth % 3]));
  });

  it('are all refused once the key is revoked', async () => {
    const leaver = await api.agent('planner');
    const { agents } = await api.admin.ask<{ agents: { id: string; keys: { id: string }[] }[] }>(
      '{ agents { id keys { id } } }',
    );
    const key = agents.find(({ id }) => id === leaver.id)?.keys[0]?.id;
    expect(told(await write(leaver, 'still here'))).toBe('CREATED');
    await api.admin.ask('mutation ($id: ID!) { revokeKey(id: $id) { id } }', { id: key });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, nth) => write(leaver, `gone ${nth}`)));
    expect(new Set(answers.map(told))).toEqual(new Set(['UNAUTHENTICATED']));
  });
});
