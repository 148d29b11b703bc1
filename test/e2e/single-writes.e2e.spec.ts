import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type Answer, type TestApi, type TestClient } from '../support/api.js';

let api: TestApi;
let planner: TestClient;

beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
});
afterAll(async () => api.close());

const MEMORIZE =
  'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id content author { id } } } }';

type Payload = { memorize: { outcome: string; memory: { id: string; content: string; author: { id: string } } } };
const write = (client: TestClient, content: string, more: object = {}): Promise<Answer> =>
  client.send(MEMORIZE, { input: { content, pool: 'planner', type: 'DECLARATIVE', ...more } });
const payload = ({ data }: Answer) => (data as Payload | null)?.memorize;
const told = (answer: Answer) => payload(answer)?.outcome ?? answer.errors?.[0]?.extensions.code;

describe('many single writes of one caller to one pool at once', () => {
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
