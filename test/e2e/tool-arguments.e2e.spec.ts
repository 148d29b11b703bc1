import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { countMemories } from '../support/memories.js';
import { call } from '../support/tool-calls.js';

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder', { privatePool: true });
});
afterAll(() => api.close());

const FACT = { memory_type: 'declarative' };

describe('arguments of any kind', () => {
  const NAMES = ['remember', 'memorize', 'revise', 'forget', 'list_pools', 'explain_access', 'memory', 'no_such', ''];
  const FIELDS = [
    'query',
    'content',
    'memory_type',
    'user_id',
    'id',
    'version',
    'pool',
    'importance',
    'max_results',
    'action',
    'command',
    'path',
    'x',
  ];
  const value = fc.oneof(
    fc.anything({ maxDepth: 3, withNullPrototype: false }),
    fc.constantFrom<unknown>(
      '',
      '\u0000',
      '\ud800',
      'a\u0000b',
      'x'.repeat(20_000),
      -1,
      Number.MAX_VALUE,
      null,
      [],
      {},
      '__proto__',
    ),
    fc.nat(20).map((depth) => Array.from({ length: depth * 100 }).reduce<unknown>((inner) => [inner], 'deep')),
  );
  // `content` is of a kind that is refused: so nothing may be stored.
  const key = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...FIELDS) },
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'constructor', `<b>\n${'k'.repeat(100_000)}`, '\ud800'),
  );
  const given = fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .dictionary(key, value, { maxKeys: 6 })
        .map((fields) => ({ ...fields, ...(typeof fields['content'] === 'string' && { content: 7 }) })),
    },
    fc.constantFrom<unknown>([1], 'text', 7, false),
  );

  it('are answered with what to mend, and store nothing', async () => {
    const before = await countMemories(api);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...NAMES), given, async (name, fields) => {
        const { content } = await call(coder, name, fields);
        expect(content).toMatch(/\S/);
        expect(content.length).toBeLessThan(10_000);
        expect(content).not.toContain('<b>');
      }),
      { numRuns: 250 },
    );
    expect(await countMemories(api)).toBe(before);
  });

  it('of a megabyte are refused where they come in', async () => {
    const { content, isError } = await call(coder, 'remember', { query: 'x'.repeat(1_000_000) });
    expect({ content, isError }).toEqual({
      content: expect.stringContaining('query: is too long: at most 8192 characters'),
      isError: true,
    });
  });

  it('a name that is not there is answered with those that are', async () => {
    const { content, isError } = await call(coder, 'recall"\n<x>', {});
    expect(isError).toBe(true);
    expect(content).toBe(
      'There is no tool "recall\\"\\n\\u003cx\\u003e". There are: remember, memorize, revise, forget, list_pools, explain_access.',
    );
  });

  it('halves of surrogate pairs and NUL are refused by name', async () => {
    for (const [text, problem] of [
      ['a\u0000b', 'holds a NUL'],
      ['a\ud800b', 'half of a surrogate pair'],
    ] as const) {
      const { content, isError } = await call(coder, 'memorize', { ...FACT, content: text });
      expect({ content, isError }).toEqual({ content: expect.stringContaining(problem), isError: true });
      expect(content).toMatch(/^Wrong arguments, and nothing was done\. content: /);
    }
  });
});
