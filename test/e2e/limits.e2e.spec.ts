import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery } from 'graphql';
import { startTestApi, type Answer, type TestApi, type TestClient } from '../support/api.js';

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const times = (count: number, part: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');
const refusals = ({ errors }: Answer) => errors?.map(({ extensions: { code, field } }) => ({ code, field })) ?? [];

/** Fragments that each spread the next one twice: a few hundred words for a billion fields. */
const doubling = (levels: number): string =>
  `${times(levels, (index) => `fragment f${index} on Principal { ...f${index + 1} ... on Principal { ...f${index + 1} } }`)}
   fragment f${levels} on Principal { id name }`;

describe('an operation may', () => {
  it.each([
    ['have 50 aliases', `{ viewer { ${times(50, (index) => `a${index}: id`)} } }`],
    ['have 20 root fields', `{ ${times(20, (index) => `a${index}: viewer { id }`)} }`],
    ['have 1,000 fields', `{ ${times(20, (index) => `a${index}: viewer { ${'id '.repeat(49)} }`)} }`],
    ['go through fragments', '{ viewer { ...A } } fragment A on Principal { ...B } fragment B on Principal { id }'],
  ])('%s', async (_, query) => expect((await coder.send(query)).errors).toBeUndefined());
});

describe('an operation may not', () => {
  it.each([
    ['be deeper than 10', `{ memories { nodes { ${'derivedFrom { '.repeat(9)} id ${'}'.repeat(9)} } } }`, 'depth'],
    [
      'be deeper than 10 in its fragments',
      `{ memories { nodes { ...A } } } fragment A on Memory { ${'derivedFrom { '.repeat(9)} id ${'}'.repeat(9)} }`,
      'depth',
    ],
    ['have more than 50 aliases', `{ viewer { ${times(51, (index) => `a${index}: id`)} } }`, 'aliases'],
    [
      'have more than 50 aliases in its fragments',
      `{ viewer { ...A ...B } } fragment A on Principal { ${times(26, (index) => `a${index}: id`)} } fragment B on Principal { ${times(26, (index) => `b${index}: id`)} }`,
      'aliases',
    ],
    ['have more than 20 root fields', `{ ${times(21, (index) => `a${index}: viewer { id }`)} }`, 'rootFields'],
    [
      'hide more than 20 root fields in a fragment',
      `{ ...A } fragment A on Query { ${times(21, (index) => `a${index}: viewer { id }`)} }`,
      'rootFields',
    ],
    [
      'hide more than 20 root fields in a nameless fragment',
      `{ ... on Query { ${times(11, (index) => `a${index}: viewer { id }`)} } ... { ${times(10, (index) => `b${index}: viewer { id }`)} } }`,
      'rootFields',
    ],
    [
      'have more than 1,000 fields',
      `{ ${times(20, (index) => `a${index}: viewer { ${'id '.repeat(50)} }`)} }`,
      'fields',
    ],
    ['have more than 1,000 fields by fragments within fragments', `{ viewer { ...f0 } } ${doubling(12)}`, 'fields'],
    ['select a field below itself', '{ memories { nodes { derivedFrom { derivedFrom { id } } } } }', 'derivedFrom'],
    [
      'select the history of sources',
      '{ memories { nodes { ...A } } } fragment A on Memory { derivedFrom { history { version } } }',
      'derivedFrom',
    ],
    [
      'select a field below itself by fragments',
      '{ memories { nodes { ...A } } } fragment A on Memory { derivedFrom { ...B } } fragment B on Memory { derivedFrom { id } }',
      'derivedFrom',
    ],
    [
      'rename a field to select it below itself',
      '{ memories { nodes { a: derivedFrom { b: derivedFrom { id } } } } }',
      'derivedFrom',
    ],
    [
      'ask the schema the same under 51 names',
      `{ __schema { types { ${times(51, (index) => `a${index}: fields { name }`)} } } }`,
      'aliases',
    ],
    [
      'ask for the schema by fragments within fragments',
      `{ __schema { types { ...f0 } } } ${doubling(12).replaceAll('Principal', '__Type').replace('id name', 'name')}`,
      'fields',
    ],
  ])('%s', async (_, query, field) => {
    const answer = await coder.send(query);
    expect(refusals(answer)).toContainEqual({ code: 'BAD_INPUT', field });
    expect(answer.data ?? null).toBeNull();
    expect(answer.status).toBe(400);
  });

  it.each([
    ['have more than 10,000 tokens', `{ viewer { ${'id '.repeat(10_000)} } }`, 'GRAPHQL_PARSE_FAILED'],
    ['be nested without end', `{ ${'a { '.repeat(6_000)}`, 'GRAPHQL_PARSE_FAILED'],
    [
      'be as deep as the parser goes',
      `{ ${'memories { nodes { '.repeat(1_200)} id ${'} }'.repeat(1_200)} }`,
      // Whether the parser or the first rule gives up is a matter of the stack.
      'GRAPHQL_(PARSE|VALIDATION)_FAILED',
    ],
    ['have a billion fields', `{ viewer { ...f0 } } ${doubling(40)}`, 'GRAPHQL_VALIDATION_FAILED'],
    ['have the same field 1,000 times', `{ viewer { ${'id '.repeat(1_000)} } }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['be no GraphQL', 'select * from memory', 'GRAPHQL_PARSE_FAILED'],
    [
      'spread a fragment in itself',
      '{ viewer { ...A } } fragment A on Principal { id ...A }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'spread fragments in a circle',
      '{ memories { nodes { ...A } } } fragment A on Memory { derivedFrom { ...B } } fragment B on Memory { pool { id } ...A }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'go round in the schema',
      `{ __schema { types { ${'fields { type { '.repeat(6)} name ${'} }'.repeat(6)} } } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'ask for what there is not, and is not told what there is',
      '{ memoriez { nodes { id } } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('%s', async (_, query, code) => {
    const answer = await coder.send(query);
    expect(refusals(answer)).toContainEqual({ code: expect.stringMatching(`^${code}$`), field: undefined });
    expect(JSON.stringify(answer.errors)).not.toMatch(/Did you mean|INTERNAL/);
    expect(answer.data ?? null).toBeNull();
  });

  it('stop the broker from answering the next', async () => {
    expect(await coder.ask('{ viewer { role } }')).toEqual({ viewer: { role: 'coder' } });
  });
});

describe('the schema', () => {
  it('is told whole to whoever has a key', async () => {
    const schema = buildClientSchema(
      await coder.ask<IntrospectionQuery>(getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true })),
    );
    expect(Object.keys(schema.getMutationType()?.getFields() ?? {})).toEqual(
      expect.arrayContaining(['memorize', 'revise', 'forget', 'activatePolicy']),
    );
  });

  it.each(['', 'Bearer ', 'Bearer wrong', 'Basic d3Jvbmc6d3Jvbmc='])(
    'is not told to the header %j',
    async (authorization) => {
      const response = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query: getIntrospectionQuery() }),
      });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({
        errors: [expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED' } })],
      });
    },
  );
});

describe('what a web page of anybody could make a browser send', () => {
  const authorization = () => ({ authorization: `Bearer ${coder.key}` });
  const query = '{ viewer { id } }';
  const memorize = 'mutation { memorize(input: {content: "by a page", type: EPISODIC}) { outcome } }';

  it.each([
    ['a GET', (): RequestInit => ({ headers: authorization() }), `?query=${encodeURIComponent(query)}`],
    [
      'a GET that would write',
      (): RequestInit => ({ headers: { ...authorization(), 'apollo-require-preflight': '1' } }),
      `?query=${encodeURIComponent(memorize)}`,
    ],
    [
      'a form',
      (): RequestInit => ({
        method: 'POST',
        headers: { ...authorization(), 'content-type': 'application/x-www-form-urlencoded' },
        body: `query=${encodeURIComponent(query)}`,
      }),
      '',
    ],
    [
      'plain text',
      (): RequestInit => ({
        method: 'POST',
        headers: { ...authorization(), 'content-type': 'text/plain' },
        body: JSON.stringify({ query }),
      }),
      '',
    ],
    [
      'a form of parts',
      (): RequestInit => ({
        method: 'POST',
        headers: { ...authorization(), 'content-type': 'multipart/form-data; boundary=x' },
        body: '--x--',
      }),
      '',
    ],
    [
      'no type at all',
      (): RequestInit => ({
        method: 'POST',
        headers: { ...authorization(), 'content-type': '' },
        body: JSON.stringify({ query }),
      }),
      '',
    ],
    [
      'a batch',
      (): RequestInit => ({
        method: 'POST',
        headers: { ...authorization(), 'content-type': 'application/json' },
        body: JSON.stringify([{ query }, { query }]),
      }),
      '',
    ],
  ])('%s is refused', async (_, request, search) => {
    const response = await fetch(`${api.url}/graphql${search}`, request());
    expect([400, 405, 415]).toContain(response.status);
    const text = await response.text();
    expect(text).not.toContain('"data":{');
    expect(text).not.toContain('INTERNAL');
  });
});

describe('a rate of 5 a minute', () => {
  let limited: TestApi;
  beforeAll(async () => {
    limited = await startTestApi({ RATE_LIMIT_PER_MINUTE: '5' });
  });
  afterAll(() => limited.close());

  it('lets five requests through and tells the sixth when to come again, each caller for itself', async () => {
    const [one, other] = [await limited.agent('coder'), await limited.agent('coder')];
    const answers = await Promise.all(Array.from({ length: 8 }, () => one.send('{ viewer { id } }')));
    const refused = answers.filter(({ errors }) => errors);
    expect(answers.length - refused.length).toBe(5);
    for (const { status, errors } of refused) {
      expect(status).toBe(429);
      expect(errors?.[0]?.extensions).toEqual({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
      expect(errors?.[0]?.extensions.retryAfterMs).toBeGreaterThan(0);
      expect(errors?.[0]?.extensions.retryAfterMs).toBeLessThanOrEqual(60_000);
    }
    expect((await other.send('{ viewer { id } }')).errors).toBeUndefined();
  });

  it('lets an address try 300 unknown keys, however long, and those that are known go on', async () => {
    const known = await limited.agent('coder');
    expect((await known.send('{ viewer { id } }')).errors).toBeUndefined();
    const codes = new Map<string, number>();
    const guess = async (nth: number) => {
      const { errors } = await known.as(`guess-${nth}-${'x'.repeat(nth % 2 ? 0 : 9_000)}`).send('{ viewer { id } }');
      const code = errors?.[0]?.extensions.code as string;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    };
    for (let nth = 0; nth < 320; nth += 20) await Promise.all(Array.from({ length: 20 }, (_, at) => guess(nth + at)));
    const refused = codes.get('UNAUTHENTICATED') ?? 0;
    expect(codes).toEqual(
      new Map([
        ['UNAUTHENTICATED', refused],
        ['RATE_LIMITED', 320 - refused],
      ]),
    );
    // Some of the 300 were spent before, by those who came for the first time.
    expect(refused).toBeGreaterThan(280);
    expect(refused).toBeLessThanOrEqual(300);
    expect((await known.send('{ viewer { id } }')).errors).toBeUndefined();
  });
});
