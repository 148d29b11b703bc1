import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditServer } from 'graphql-http';
import { COMPILED_AT_SIGHT } from '../../apps/api/src/graphql/compiled-operations.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';

let api: TestApi;
let coder: TestClient;

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(async () => api.close());

const MEMORY = `id content type status labels metadata createdAt validFrom maskedFields version indexed
  author { id name role } pool { key kind allowedActions } derivedFrom { id content } history { version content changedBy { id } }
  supersededBy { id } reviewed { approved }`;

/** By graphql-js at first, and by compiled code in the end. */
async function often(query: string, variables: Record<string, unknown> = {}) {
  const answers = [];
  for (let time = 0; time < COMPILED_AT_SIGHT + 2; time++) answers.push(await coder.send(query, variables));
  return answers;
}

describe('an operation that comes again', () => {
  beforeAll(async () => {
    const source = await memorize(coder, {
      pool: 'coder',
      content: 'The ledger is in Postgres.',
      metadata: { a: [1] },
    });
    for (const nth of [1, 2, 3]) {
      await memorize(coder, {
        pool: 'coder',
        content: `Entry ${nth} of the ledger`,
        derivedFrom: [source],
        labels: ['a'],
      });
    }
  });

  it.each([
    [
      'a recall',
      `query ($input: RecallInput!) { recall(input: $input) { hits { rank explanation { lexical neighbours } memory { ${MEMORY} } } context } }`,
      { input: { query: 'ledger' } },
    ],
    [
      'a page',
      `query ($n: Int) { memories(first: $n) { totalCount edges { cursor node { ${MEMORY} } } pageInfo { endCursor } } }`,
      { n: 3 },
    ],
    ['a default', '{ memories { nodes { id } } }', {}],
    ['what is left out', 'query ($no: Boolean!) { viewer { id @skip(if: $no) name @include(if: $no) } }', { no: true }],
    ['a failure', 'query ($input: RecallInput!) { recall(input: $input) { context } }', { input: { query: '' } }],
    ['a failure beside an answer', 'query ($id: ID!) { memory(id: $id) { id } viewer { id } }', { id: 'no id' }],
    [
      'a failure of a field that may be null',
      'query ($after: String) { memory(id: 7) { id } memories(after: $after) { totalCount } }',
      { after: 'x' },
    ],
    [
      'a variable of another type',
      'query ($input: RecallInput!) { recall(input: $input) { context } }',
      { input: { query: 7 } },
    ],
    [
      'a date that is none',
      'query ($f: MemoryFilter) { memories(filter: $f) { totalCount } }',
      { f: { createdAfter: 'soon' } },
    ],
    [
      'a list with a wrong entry',
      'query ($input: RecallInput!) { recall(input: $input) { context } }',
      { input: { query: 'a', types: ['DECLARATIVE', 'NONE'] } },
    ],
    ['a variable that is missing', 'query ($id: ID!) { memory(id: $id) { id } }', {}],
    [
      'a mutation that is refused',
      'mutation ($id: ID!) { forget(id: $id) { id } }',
      { id: '00000000-0000-0000-0000-000000000000' },
    ],
    [
      'introspection',
      '{ __schema { queryType { fields { name args { name defaultValue } } } } __type(name: "Memory") { kind } }',
      {},
    ],
  ])('is answered the same each time: %s', async (_, query, variables) => {
    const [first, ...others] = await often(query, variables);
    for (const answer of others) expect(answer).toEqual(first);
  });

  it('is still refused where the first time was', async () => {
    const wide = `{ ${Array.from({ length: 60 }, (_, nth) => `a${nth}: viewer { id }`).join(' ')} }`;
    for (const { status, errors } of await often(wide)) {
      expect(status).toBe(400);
      expect(errors?.[0]?.extensions.code).toBe('BAD_INPUT');
    }
  });

  it('is kept nowhere on its way', async () => {
    for (let time = 0; time < COMPILED_AT_SIGHT + 2; time++) {
      const answer = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${coder.key}` },
        body: JSON.stringify({ query: '{ viewer { name } }' }),
      });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });
});

describe('GraphQL over HTTP', () => {
  it('is spoken as its specification says', async () => {
    const authorised: typeof fetch = (url, init) =>
      fetch(url, { ...init, headers: { ...(init?.headers as object), authorization: `Bearer ${coder.key}` } });
    // Again and again, until what it sends is compiled.
    for (let time = 0; time < 3; time++) {
      const audits = await auditServer({ url: `${api.url}/graphql`, fetchFn: authorised });
      expect(audits.length).toBeGreaterThan(50);
      const failed = audits.filter(({ name, status }) => name.startsWith('MUST') && status !== 'ok');
      expect(failed.map(({ id, name }) => `${id} ${name}`)).toEqual([]);
    }
  });
});
