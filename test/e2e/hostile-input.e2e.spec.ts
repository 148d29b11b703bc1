import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type Answer, type TestApi, type TestClient } from '../support/api.js';
import { countMemories, MEMORIZE, memorize } from '../support/memories.js';
import { REVISE } from '../support/world.js';

const NUL = 'a\u0000b';
const HALF = 'a\ud800b';
const MISSING_ID = '0199aaaa-0000-7000-8000-000000000000';
const RECALL = 'query ($input: RecallInput!) { recall(input: $input) { context hits { rank } } }';
const LIST =
  'query ($filter: MemoryFilter, $first: Int, $after: String) { memories(filter: $filter, first: $first, after: $after) { totalCount nodes { id } } }';
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });
const list = <Item>(length: number, item: (index: number) => Item): Item[] =>
  Array.from({ length }, (_, index) => item(index));

let api: TestApi;
let coder: TestClient;
let id: string;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  id = await memorize(coder, { content: 'What is there already', metadata: { stage: 'beta', count: 3 } });
});
afterAll(() => api.close());

const failureOf = ({ errors }: Answer) => ({
  code: errors?.[0]?.extensions.code,
  field: errors?.[0]?.extensions.field,
});

/** Refused with the code and the field, in a message that tells the field too; and nothing is other than before. */
async function expectRefusal(
  query: string,
  variables: Record<string, unknown>,
  field: string | undefined,
  code = 'BAD_INPUT',
): Promise<void> {
  const before = await countMemories(api);
  const answer = await coder.send(query, variables);
  expect(failureOf(answer)).toEqual({ code, field });
  expect(answer.errors?.[0]?.message.length).toBeLessThan(700);
  expect(await countMemories(api)).toBe(before);
}

describe('memorize refuses', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['content that is empty', { content: '' }, 'content'],
    ['content that is blank', { content: ' \n\t\u3000 ' }, 'content'],
    ['content of 40 KB', { content: 'x'.repeat(40_960) }, 'content'],
    ['content of one character too many', { content: '😀'.repeat(32_769) }, 'content'],
    ['content with NUL', { content: NUL }, 'content'],
    ['content with half a surrogate pair', { content: HALF }, 'content'],
    ['content that is no text', { content: 5 }, 'content'],
    ['no content', { content: undefined }, 'content'],
    ['a type that there is not', { type: 'ROMANTIC' }, 'type'],
    ['an importance that there is not', { importance: 'HUGE' }, 'importance'],
    ['a field that there is not', { status: 'ACTIVE' }, 'status'],
    ['a pool that is not there', { pool: "coder'; drop table memory; --" }, 'pool'],
    ['a pool without a name', { pool: '' }, 'pool'],
    ['a pool with NUL', { pool: NUL }, 'pool'],
    ['an entity with half a surrogate pair', { entityId: HALF }, 'entityId'],
    ['an entity that is empty', { entityId: '' }, 'entityId'],
    ['an entity that is too long', { entityId: 'e'.repeat(257) }, 'entityId'],
    ['a session with NUL', { sessionId: NUL }, 'sessionId'],
    ['a speaker that is too long', { speaker: 's'.repeat(201) }, 'speaker'],
    ['a label with half a surrogate pair', { labels: ['fine', HALF] }, 'labels.1'],
    ['a label with NUL', { labels: [NUL] }, 'labels.0'],
    ['a label that is empty', { labels: ['fine', ' '] }, 'labels.1'],
    ['a label that is too long', { labels: ['l'.repeat(65)] }, 'labels.0'],
    ['too many labels', { labels: list(33, String) }, 'labels'],
    ['metadata that is a list', { metadata: [1] }, 'metadata'],
    ['metadata that is text', { metadata: '{}' }, 'metadata'],
    ['metadata over 16 KB', { metadata: { big: 'x'.repeat(16_400) } }, 'metadata'],
    ['metadata that is too deep', { metadata: deep(18) }, `metadata${'.a'.repeat(17)}`],
    ['half a surrogate pair in a value of metadata', { metadata: { a: { b: ['c', HALF] } } }, 'metadata.a.b.1'],
    ['half a surrogate pair in a key of metadata', { metadata: { [HALF]: 1 } }, 'metadata'],
    ['NUL in metadata', { metadata: { a: NUL } }, 'metadata.a'],
    ['__proto__ as a key', { metadata: JSON.parse('{"a": {"__proto__": {"admin": true}}}') }, 'metadata.a.__proto__'],
    ['constructor as a key', { metadata: { constructor: { prototype: {} } } }, 'metadata.constructor'],
    ['__caslSubjectType__ as a key', { metadata: { __caslSubjectType__: 'Memory' } }, 'metadata.__caslSubjectType__'],
    ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['a time without an offset', { expiresAt: '2999-01-01T00:00:00' }, 'expiresAt'],
    ['a day without a time', { validFrom: '2026-01-01' }, 'validFrom'],
    ['30 February', { validFrom: '2026-02-30T00:00:00Z' }, 'validFrom'],
    ['the 25th hour', { validFrom: '2026-02-03T25:00:00Z' }, 'validFrom'],
    ['the year 0', { validFrom: '0000-01-01T00:00:00Z' }, 'validFrom'],
    ['the year 10000', { validFrom: '9999-12-31T23:59:59-14:00' }, 'validFrom'],
    ['a number for a time', { validFrom: 1_700_000_000 }, 'validFrom'],
    ['a source that is no id', { derivedFrom: ['x'] }, 'derivedFrom.0'],
    ['a source that is not there', { derivedFrom: [MISSING_ID] }, 'derivedFrom.0'],
    ['too many sources', { derivedFrom: list(101, () => MISSING_ID) }, 'derivedFrom'],
    ['an idempotency key that is blank', { idempotencyKey: ' ' }, 'idempotencyKey'],
    ['an idempotency key that is too long', { idempotencyKey: 'k'.repeat(201) }, 'idempotencyKey'],
  ])('%s', (_, input, field) =>
    expectRefusal(MEMORIZE, { input: { content: 'Fine', type: 'EPISODIC', ...input } }, `input.${field}`),
  );

  it.each([
    ['__proto__', '{a: {__proto__: {admin: true}}}', 'a.__proto__'],
    ['constructor', '{constructor: 1}', 'constructor'],
    ['__caslSubjectType__', '{__caslSubjectType__: "Memory"}', '__caslSubjectType__'],
    ['NUL', '{a: [1, "\\u0000"]}', 'a.1'],
  ])('%s in a literal', (_, metadata, field) =>
    expectRefusal(
      `mutation { memorize(input: {content: "Fine", type: EPISODIC, metadata: ${metadata}}) { outcome } }`,
      {},
      `input.metadata.${field}`,
    ),
  );

  it.each([
    ['text with NUL', NUL],
    ['an object with __proto__', JSON.parse('{"__proto__": 1}')],
  ])('%s in a variable within a literal', async (_, a) => {
    const type = typeof a === 'string' ? 'String' : 'JSONObject';
    const query = `mutation ($a: ${type}) { memorize(input: {content: "Fine", type: EPISODIC, metadata: {a: $a}}) { outcome } }`;
    await expectRefusal(query, { a }, type === 'String' ? 'input.metadata.a' : 'input.metadata.a.__proto__');
  });

  it.each([
    ['__proto__', '{"a": {"__proto__": 1}}', 'metadata.a.__proto__'],
    ['a list', '[]', 'metadata'],
  ])('%s in a variable of its own', (_, metadata, field) => {
    const query =
      'mutation ($metadata: JSONObject) { memorize(input: {content: "Fine", type: EPISODIC, metadata: $metadata}) { outcome } }';
    return expectRefusal(query, { metadata: JSON.parse(metadata) }, `input.${field}`);
  });

  it('an idempotency key that was used for another input', async () => {
    const input = { content: 'Once', type: 'EPISODIC', idempotencyKey: 'order-1' };
    const first = await coder.ask(MEMORIZE, { input });
    expect(await coder.ask(MEMORIZE, { input })).toEqual(first);
    await expectRefusal(MEMORIZE, { input: { ...input, content: 'Twice' } }, undefined, 'CONFLICT');
    await expectRefusal(MEMORIZE, { input: { ...input, labels: ['other'] } }, undefined, 'CONFLICT');
  });
});

describe('memorize takes', () => {
  it('variables within a literal of metadata', async () => {
    const query = `mutation ($user: String, $none: Int) {
      memorize(input: {content: "From a literal", type: EPISODIC, metadata: {user: $user, none: $none, all: [$user]}}) { memory { metadata } }
    }`;
    const answer = await coder.ask(query, { user: 'ada' });
    expect(answer).toEqual({ memorize: { memory: { metadata: { user: 'ada', all: ['ada'] } } } });
  });

  it.each([
    ['32,768 emoji as 32,768 characters', '😀'.repeat(32_768)],
    ['one word of 32,768 letters', 'ü'.repeat(32_768)],
    ['the same word 16,384 times', 'w '.repeat(16_384).trim()],
    [
      'as many words as there is room for',
      list(6_000, (index) => `w${index.toString(36)}`)
        .join(' ')
        .slice(0, 32_768),
    ],
    ['characters without spaces between', '記憶'.repeat(16_384)],
    ['what looks like SQL, a pattern and a search', `'; drop table memory; -- \\ % _ ' & | ! <-> :* ( "`],
    ['marks of direction, joiners and tags', '\u202eevil\u202c \u200d\u200b\ufeff \u{e0041}'],
  ])('%s, as it is', async (_, content) => {
    const query = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { content } } }';
    const { memorize: stored } = await coder.ask<{ memorize: object }>(query, { input: { content, type: 'EPISODIC' } });
    expect(stored).toEqual({ outcome: 'CREATED', memory: { content } });
    expect(await coder.code(RECALL, { input: { query: content.slice(0, 8_000) } })).toBeUndefined();
  });
});

describe('revise and forget refuse', () => {
  it.each<[string, Record<string, unknown>, string, string?]>([
    ['an id that is none', { id: 'x' }, 'input.id'],
    ['no change', {}, 'input'],
    ['version 0', { expectedVersion: 0, importance: 'LOW' }, 'input.expectedVersion'],
    ['version 1.5', { expectedVersion: 1.5, importance: 'LOW' }, 'input.expectedVersion'],
    ['a version beyond all', { expectedVersion: 2 ** 31, importance: 'LOW' }, 'input.expectedVersion'],
    ['null for content', { content: null }, 'input.content'],
    ['blank content', { content: ' ' }, 'input.content'],
    ['half a surrogate pair', { content: HALF }, 'input.content'],
    ['null for importance', { importance: null }, 'input.importance'],
    ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'input.expiresAt'],
    ['a reason with NUL', { importance: 'LOW', reason: NUL }, 'input.reason'],
    ['a reason that is too long', { importance: 'LOW', reason: 'r'.repeat(1_001) }, 'input.reason'],
  ])('%s', async (_, change, field) => {
    await expectRefusal(REVISE, { input: { id, expectedVersion: 1, ...change } }, field);
    const query = 'query ($id: ID!) { memory(id: $id) { version } }';
    expect(await coder.ask(query, { id })).toEqual({ memory: { version: 1 } });
  });

  it.each([
    ['an id that is none', { id: "1' or true" }, 'id'],
    ['an empty id', { id: '' }, 'id'],
    ['a reason with half a surrogate pair', { id: MISSING_ID, reason: HALF }, 'reason'],
  ])('%s', (_, variables, field) =>
    expectRefusal('mutation ($id: ID!, $reason: String) { forget(id: $id, reason: $reason) { id } }', variables, field),
  );
});

describe('recall refuses', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['an empty query', { query: '' }, 'query'],
    ['a blank query', { query: '\n' }, 'query'],
    ['a query that is too long', { query: 'q'.repeat(8_193) }, 'query'],
    ['a query with NUL', { query: NUL }, 'query'],
    ['a query with half a surrogate pair', { query: HALF }, 'query'],
    ...[0, 101, 1_000, -1, 1.5].map((limit): [string, Record<string, unknown>, string] => [
      `limit ${limit}`,
      { limit },
      'limit',
    ]),
    ...[0, 101, -1].map((perPoolLimit): [string, Record<string, unknown>, string] => [
      `perPoolLimit ${perPoolLimit}`,
      { perPoolLimit },
      'perPoolLimit',
    ]),
    ...[0, -5, 1_000_001].map((tokenBudget): [string, Record<string, unknown>, string] => [
      `tokenBudget ${tokenBudget}`,
      { tokenBudget },
      'tokenBudget',
    ]),
    ['a pool that is not there', { pools: ['shared', 'nowhere'] }, 'pools.1'],
    ['a pool that is not the caller’s', { pools: ['tester'] }, 'pools.0'],
    ['too many pools', { pools: list(101, () => 'shared') }, 'pools'],
    ['a type that there is not', { types: ['EPISODIC', 'ROMANTIC'] }, 'types.1'],
    ['an entity with NUL', { entityId: NUL }, 'entityId'],
    ['an empty session in the filter', { filter: { sessionId: '' } }, 'filter.sessionId'],
    ['a pool that is not there in the filter', { filter: { pools: ['nowhere'] } }, 'filter.pools.0'],
  ])('%s', (_, input, field) => expectRefusal(RECALL, { input: { query: 'there', ...input } }, `input.${field}`));
});

describe('memories refuses', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ...[0, 101, -1, 1.5].map((first): [string, Record<string, unknown>, string] => [
      `first ${first}`,
      { first },
      'first',
    ]),
    ['a cursor that nobody made', { after: 'bm90IGEgY3Vyc29y' }, 'after'],
    ['a cursor of another kind', { after: 'AQ' }, 'after'],
    ['a cursor with half a surrogate pair', { after: HALF }, 'after'],
    ['an empty cursor', { after: '' }, 'after'],
    ['an author that is no id', { filter: { authorId: 'me' } }, 'filter.authorId'],
    ['a label with NUL', { filter: { labels: [NUL] } }, 'filter.labels.0'],
    ['the year 0', { filter: { createdAfter: '0000-05-05T00:00:00Z' } }, 'filter.createdAfter'],
    ['30 February', { filter: { createdBefore: '2026-02-30T00:00:00Z' } }, 'filter.createdBefore'],
    ['too many statuses', { filter: { statuses: list(21, () => 'ACTIVE') } }, 'filter.statuses'],
    ['a status that there is not', { filter: { statuses: ['GONE'] } }, 'filter.statuses.0'],
    ['an unknown operator', { filter: { metadata: { stage: { like: '%' } } } }, 'filter.metadata.stage.like'],
    [
      'an operator that is SQL',
      { filter: { metadata: { stage: { "eq' or true": 1 } } } },
      "filter.metadata.stage.eq' or true",
    ],
    ['no operator', { filter: { metadata: { stage: {} } } }, 'filter.metadata.stage'],
    ['"in" without a list', { filter: { metadata: { stage: { in: 'beta' } } } }, 'filter.metadata.stage.in'],
    ['"gt" with a list', { filter: { metadata: { count: { gt: [1] } } } }, 'filter.metadata.count.gt'],
    ['"exists" with text', { filter: { metadata: { count: { exists: 'yes' } } } }, 'filter.metadata.count.exists'],
    ['"or" without a list', { filter: { metadata: { or: { a: 1 } } } }, 'filter.metadata.or'],
    ['"and" of nothing', { filter: { metadata: { and: [] } } }, 'filter.metadata.and'],
    ['"not" of a list', { filter: { metadata: { not: [{ a: 1 }] } } }, 'filter.metadata.not'],
    [
      'too many conditions',
      { filter: { metadata: Object.fromEntries(list(60, (index) => [`k${index}`, 1])) } },
      'filter.metadata',
    ],
    ['conditions that are too deep', { filter: { metadata: deep(18) } }, `filter.metadata${'.a'.repeat(17)}`],
    [
      '__proto__ in a filter',
      { filter: { metadata: JSON.parse('{"__proto__": {"eq": 1}}') } },
      'filter.metadata.__proto__',
    ],
  ])('%s', (_, variables, field) => expectRefusal(LIST, variables, field));

  it('nothing that is odd and sound: keys and values are bound, never read as SQL', async () => {
    for (const metadata of [
      { "a' or true --": 1 },
      { stage: "' or ''='" },
      { '': 1 },
      { a: { gt: 1e308 } },
      { a: { contains: '%' } },
      { stage: { gt: 3 } },
      { count: { gt: 'a' } },
    ]) {
      const { memories } = await coder.ask<{ memories: { totalCount: number } }>(LIST, { filter: { metadata } });
      expect([metadata, memories.totalCount]).toEqual([metadata, 0]);
    }
  });
});

describe('memory refuses', () => {
  it.each(['', 'x', `${MISSING_ID}0`, "' or 1=1", NUL])('the id %j', (wrong) =>
    expectRefusal('query ($id: ID!) { memory(id: $id) { id } }', { id: wrong }, 'id'),
  );
});
