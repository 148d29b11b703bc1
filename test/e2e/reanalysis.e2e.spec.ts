import { Reanalysis } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { itOnNative, nativeOnly } from '../support/database.js';
import { memorize } from '../support/memories.js';

let api: TestApi;
let planner: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
});
afterAll(() => api.close());

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await api.broker.database.maintenance<Row & Record<string, unknown>>(text, values)).rows;

interface Read {
  terms: string;
  term_count: number;
  traits: number;
  analysis: number;
  version: number;
  updated_at: Date;
}
const reading = (ids: readonly string[]) =>
  sql<Read>(
    `select terms::text, term_count, traits, analysis, version, updated_at from memory
      where memory_id = any($1::uuid[]) order by memory_id`,
    [ids],
  );

/** As a version before would have left them: other terms, no traits. */
const spoil = (ids: readonly string[]) =>
  sql(
    `update memory set terms = '''older'':1', term_count = 1, traits = 0, analysis = 1 where memory_id = any($1::uuid[])`,
    [ids],
  );

const hits = async (query: string): Promise<string[]> => {
  const text = 'query ($input: RecallInput!) { recall(input: $input) { hits { memory { id } } } }';
  const { recall } = await planner.ask<{ recall: { hits: { memory: { id: string } }[] } }>(text, { input: { query } });
  return recall.hits.map(({ memory }) => memory.id);
};

const reanalysis = (progress: number[] = []) =>
  new Reanalysis(
    api.broker.access,
    (read) => progress.push(read),
    (error) => {
      throw error;
    },
  );

describe('memories that an older analysis read', () => {
  it('are read as their writing would have read them, and nobody is told', async () => {
    const ids = [
      await memorize(planner, { content: 'Ada: we deployed the billing service at nine o’clock', speaker: 'Ada' }),
      await memorize(planner, { content: 'the harbour crane stands in Lisbon' }),
    ];
    const asWritten = await reading(ids);
    const [{ n: events } = { n: 0 }] = await sql<{ n: number }>('select count(*)::integer as n from memory_event');
    await spoil(ids);
    expect(await hits('harbour crane')).toEqual([]);
    expect(await reanalysis().run()).toBe(2);
    expect(await reading(ids)).toEqual(asWritten);
    expect(await hits('harbour crane')).toContain(ids[1]);
    expect(await sql('select count(*)::integer as n from memory_event')).toEqual([{ n: events }]);
    expect(await reanalysis().run()).toBe(0);
  });

  it('are read batch by batch, told as progress, and what is forgotten is left out', async () => {
    const many =
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { memory { id } } } }';
    const ids: string[] = [];
    for (let batch = 0; batch < 5; batch++) {
      const inputs = Array.from({ length: 90 }, (_, nth) => ({ content: `lamp ${batch} ${nth}`, type: 'EPISODIC' }));
      type Answer = { memorizeMany: { results: { memory: { id: string } }[] } };
      const { memorizeMany } = await planner.ask<Answer>(many, { inputs });
      ids.push(...memorizeMany.results.map(({ memory }) => memory.id));
    }
    const [gone] = ids.splice(0, 1);
    await planner.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: gone });
    await spoil(ids);
    const progress: number[] = [];
    expect(await reanalysis(progress).run()).toBe(449);
    expect(progress).toEqual([200, 400, 449]);
    expect(new Set((await reading(ids)).map(({ analysis }) => analysis))).toEqual(new Set([3]));
  });

  itOnNative(nativeOnly('are read once by two brokers at a time, while they are revised'), async () => {
    const ids: string[] = [];
    for (let nth = 0; nth < 40; nth++) ids.push(await memorize(planner, { content: `kettle number ${nth}` }));
    await spoil(ids);
    const revise = (id: string, nth: number) =>
      planner.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
        input: { id, expectedVersion: 1, content: `teapot number ${nth}` },
      });
    const [one, other] = await Promise.all([reanalysis().run(), reanalysis().run(), ...ids.slice(0, 20).map(revise)]);
    expect((one as number) + (other as number)).toBeLessThanOrEqual(40);
    await reanalysis().run();
    const read = await reading(ids);
    expect(read.map(({ analysis }) => analysis)).toEqual(Array(40).fill(3));
    expect(read.filter(({ terms }) => terms.includes("'teapot'"))).toHaveLength(20);
    expect(read.filter(({ terms }) => terms.includes("'kettl'"))).toHaveLength(20);
  });
});
