import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { countMemories } from '../support/memories.js';

const MANY = `mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) {
  results { outcome memory { content pool { key } } } failures { index code message }
} }`;
interface Many {
  results: { outcome: string; memory: { content: string; pool: { key: string } } }[];
  failures: { index: number; code: string; message: string }[];
}

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const note = (content: string, rest: Record<string, unknown> = {}) => ({ content, type: 'EPISODIC', ...rest });
const notes = (length: number, content: (index: number) => string) =>
  Array.from({ length }, (_, index) => note(content(index)));
const send = async (inputs: unknown[]) => (await coder.ask<{ memorizeMany: Many }>(MANY, { inputs })).memorizeMany;

async function expectRefusal(inputs: unknown[], field: string): Promise<void> {
  const before = await countMemories(api);
  const { errors } = await coder.send(MANY, { inputs });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_INPUT', field });
  expect(await countMemories(api)).toBe(before);
}

describe('memorizeMany', () => {
  it('refuses none, and more than a hundred', async () => {
    await expectRefusal([], 'inputs');
    await expectRefusal(
      notes(101, (index) => `one of too many: ${index}`),
      'inputs',
    );
  });

  it('refuses more than 1 MiB of content together, in one or in many', async () => {
    await expectRefusal([note('x'.repeat(1_048_577))], 'inputs');
    await expectRefusal(
      notes(33, (index) => `${index}`.padEnd(32_000, 'x')),
      'inputs',
    );
    await expectRefusal(
      notes(33, (index) => `${index}`.padEnd(8_000, 'x')).map(({ content }) => note(content.replaceAll('x', '😀'))),
      'inputs',
    );
  });

  it('takes a hundred in their order', async () => {
    const inputs = notes(100, (index) => `number ${index}`);
    const { results, failures } = await send(inputs);
    expect(failures).toEqual([]);
    expect(results.map(({ memory }) => memory.content)).toEqual(inputs.map(({ content }) => content));
  });

  it('lets each input stand or fail alone, and names each failure by its place', async () => {
    const before = await countMemories(api);
    const inputs = [
      note('good, first'),
      note(' '),
      note('for the pool of all', { pool: 'shared' }),
      note('for nobody', { pool: 'nowhere' }),
      note('not the coder’s to write', { pool: 'planner' }),
      note('good, first'),
      note('x'.repeat(32_769)),
      note('half', { labels: ['\udc00'] }),
      note('too late', { expiresAt: '2001-01-01T00:00:00Z' }),
      note('from nothing', { derivedFrom: ['0199aaaa-0000-7000-8000-000000000000'] }),
      note('keyed', { idempotencyKey: 'batch-1' }),
      note('keyed otherwise', { idempotencyKey: 'batch-1' }),
      note('too much', { metadata: { big: 'x'.repeat(270_000) } }),
      note('good, last'),
    ];
    const { results, failures } = await send(inputs);
    expect(results.map(({ outcome, memory }) => [outcome, memory.pool.key, memory.content])).toEqual([
      ['CREATED', 'coder', 'good, first'],
      ['PROPOSED', 'shared', 'for the pool of all'],
      ['DUPLICATE', 'coder', 'good, first'],
      ['CREATED', 'coder', 'keyed'],
      ['CREATED', 'coder', 'good, last'],
    ]);
    expect(failures.map(({ index, code }) => [index, code])).toEqual([
      [1, 'BAD_INPUT'],
      [3, 'BAD_INPUT'],
      [4, 'FORBIDDEN'],
      [6, 'BAD_INPUT'],
      [7, 'BAD_INPUT'],
      [8, 'BAD_INPUT'],
      [9, 'BAD_INPUT'],
      [11, 'CONFLICT'],
      [12, 'BAD_INPUT'],
    ]);
    const places = ['content', 'pool', '', 'content', 'labels.0', 'expiresAt', 'derivedFrom.0', '', 'metadata'];
    for (const [place, { index, message }] of failures.entries()) {
      if (places[place]) expect(message).toMatch(new RegExp(`^inputs\\.${index}\\.${places[place]}: `));
    }
    expect(await countMemories(api)).toBe(before + 4);
  });

  it('answers a batch that comes again with its first answers, and stores nothing twice', async () => {
    const inputs = ['a', 'b', 'c'].map((name) => note(`told twice: ${name}`, { idempotencyKey: `again-${name}` }));
    const first = await send(inputs);
    const before = await countMemories(api);
    expect(await send(inputs)).toEqual(first);
    expect((await send([...inputs].reverse())).results).toEqual([...first.results].reverse());
    expect(await countMemories(api)).toBe(before);
  });

  it.each([
    ['a type that there is not', { type: 'ROMANTIC' }, 'inputs.1.type'],
    ['30 February', { validFrom: '2026-02-30T00:00:00Z' }, 'inputs.1.validFrom'],
    ['no content', { content: undefined }, 'inputs.1.content'],
  ])('is refused whole by %s, for the schema has no such value', (_, wrong, field) =>
    expectRefusal([note('fine'), note('wrong', wrong)], field),
  );
});

describe('a request', () => {
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${coder.key}`, ...headers },
      body,
    });

  it('of more than 2 MiB is refused with 413', async () => {
    const body = JSON.stringify({ query: '{ viewer { id } }', variables: { padding: 'x'.repeat(2 * 1024 * 1024) } });
    expect((await post(body)).status).toBe(413);
    const fitting = JSON.stringify({
      query: '{ viewer { id } }',
      variables: { padding: 'x'.repeat(2 * 1024 * 1024 - 200) },
    });
    expect((await post(fitting)).status).toBe(200);
  });

  it.each([
    ['that is no JSON', '{"query": '],
    ['that is empty', ''],
    ['that is no object', '"{ viewer { id } }"'],
    ['without a query', '{}'],
    ['with a query that is no text', '{"query": {"a": 1}}'],
    ['with variables that are no object', '{"query": "{ viewer { id } }", "variables": "x"}'],
    ['with a name that no operation has', '{"query": "{ viewer { id } }", "operationName": "Missing"}'],
  ])('%s is refused with 400, and without a word of what is inside', async (_, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).not.toMatch(/INTERNAL|node_modules|\.[jt]s:\d|stack/i);
  });

  it('cannot change the prototype of anything by its keys', async () => {
    const body =
      '{"query": "{ viewer { role } }", "__proto__": {"polluted": 1}, "variables": {"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}}';
    expect(await (await post(body)).json()).toEqual({ data: { viewer: { role: 'coder' } } });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
