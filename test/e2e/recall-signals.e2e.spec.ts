import { Clock } from '#kernel';
import { UsageCounter } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { editPolicy } from '../support/policy.js';
import { FORGET } from '../support/world.js';

let api: TestApi;
let coder: TestClient & { id: string };
let planner: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  planner = await api.agent('planner');
});
afterAll(() => api.close());

interface Hit {
  rank: number;
  score: number;
  repeats: string[];
  memory: { id: string; content: string; version: number; recallCount: number; lastRecalledAt: string | null };
  explanation: { importanceBoost: number; recencyBoost: number; usageBoost: number };
}
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { context hits { rank score repeats
  memory { id content version recallCount lastRecalledAt } explanation { importanceBoost recencyBoost usageBoost } } } }`;
const recall = async (who: TestClient, query: string, input: Record<string, unknown> = {}) =>
  (await who.ask<{ recall: { context: string; hits: Hit[] } }>(RECALL, { input: { query, ...input } })).recall;
const found = async (query: string, input: Record<string, unknown> = {}, who: TestClient = coder) =>
  (await recall(who, query, input)).hits.map(({ memory }) => memory.id);
const store = (content: string, rest: Record<string, unknown> = {}) =>
  memorize(coder, { type: 'DECLARATIVE', content, ...rest });

const share = (content: string, rest: Record<string, unknown> = {}) =>
  memorize(planner, { type: 'DECLARATIVE', pool: 'shared', content, ...rest });

/** Until it is so: counts come a second behind. */
async function eventually<Value>(ask: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (let attempt = 0; ; attempt++) {
    const value = await ask();
    if (holds(value) || attempt === 100) return value;
    await pause(100);
  }
}

const COUNT = 'query ($id: ID!) { memory(id: $id) { recallCount lastRecalledAt } }';
interface Counted {
  recallCount: number;
  lastRecalledAt: string | null;
}
const countOf = async (id: string, who: TestClient = coder) =>
  (await who.ask<{ memory: Counted }>(COUNT, { id })).memory;
const sql = (text: string, ...values: unknown[]) =>
  api.broker.database.maintenance<Record<string, unknown>>(text, values);

describe('boosts', () => {
  it('let importance decide between two that answer alike, and say by how much', async () => {
    const low = await store('The turbine alarm is tested on Mondays', { importance: 'LOW' });
    const high = await store('The turbine alarm is tested by the crew', { importance: 'HIGH' });
    const medium = await store('The turbine alarm is tested in the hall');
    const { hits } = await recall(coder, 'turbine alarm tested');
    expect(hits.map(({ memory }) => memory.id)).toEqual([high, medium, low]);
    expect(hits.map(({ explanation }) => Math.sign(explanation.importanceBoost))).toEqual([1, 0, -1]);
    for (const { explanation, score } of hits) {
      expect(explanation.recencyBoost).toBeGreaterThan(0);
      expect(explanation.usageBoost).toBe(0);
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThanOrEqual(1);
    }
  });

  it('let what became true later stand before, where the words are the same', async () => {
    const at = (month: string) => ({ type: 'EPISODIC', validFrom: `2026-${month}-01T00:00:00Z` });
    const early = await store('Reactor walk-through finished, first group', at('01'));
    const late = await store('Reactor walk-through finished, other group', at('11'));
    const input = { asOf: '2026-11-05T00:00:00Z' };
    await sql(`update memory set created_at = '2026-11-01T00:00:00Z' where memory_id = any($1::uuid[])`, [early, late]);
    expect(await found('reactor walk-through', input)).toEqual([late, early]);
  });

  it('weigh as the pool says, from then on; only an admin sets that, and the log tells it', async () => {
    const low = await store('The condenser valve opens at noon, says the plan', { pool: 'coder', importance: 'LOW' });
    const high = await store('The condenser valve opens', { pool: 'coder', importance: 'HIGH' });
    const WEIGH = `mutation ($weights: RecallWeightsInput) { weighPool(key: "coder", weights: $weights) { key recallWeights { importance recency usage } } }`;
    const weights = { importance: 0, recency: 0.1, usage: 0 };
    expect(await coder.code(WEIGH, { weights })).toBe('FORBIDDEN');
    expect(await api.admin.code(WEIGH, { weights: { ...weights, recency: 0.6 } })).toBe('BAD_INPUT');
    expect(await api.admin.code(WEIGH.replace('"coder"', '"nowhere"'), { weights })).toBe('NOT_FOUND');
    expect(await api.admin.ask(WEIGH, { weights })).toEqual({ weighPool: { key: 'coder', recallWeights: weights } });
    const { hits } = await recall(coder, 'condenser valve plan noon');
    expect(hits.map(({ memory }) => memory.id)).toEqual([low, high]);
    expect(hits.map(({ explanation }) => explanation.importanceBoost)).toEqual([0, 0]);
    expect(hits[0]?.explanation.recencyBoost).toBeCloseTo(0.1, 3);
    expect(await coder.ask('{ pool(key: "coder") { recallWeights { recency } } }')).toEqual({
      pool: { recallWeights: { recency: 0.1 } },
    });
    expect(await api.admin.ask(WEIGH, { weights: null })).toEqual({ weighPool: { key: 'coder', recallWeights: null } });
    const log = await api.admin.ask<{ auditLog: { nodes: { action: string; detail: object }[] } }>(
      '{ auditLog(first: 2) { nodes { action detail } } }',
    );
    expect(log.auditLog.nodes).toMatchObject([
      { action: 'pool.weigh', detail: { weights: null } },
      { action: 'pool.weigh', detail: { weights } },
    ]);
  });
});

describe('counting recalls', () => {
  it('counts what was returned, and only that, a second behind', async () => {
    const second = await store('The lighthouse lamp of the harbour was replaced long ago');
    const first = await store('The lighthouse lamp was replaced');
    const before = Date.now();
    for (let i = 0; i < 3; i++) expect(await found('lighthouse lamp', { limit: 1 })).toEqual([first]);
    const counted = await eventually(
      () => countOf(first),
      ({ recallCount }) => recallCount === 3,
    );
    expect(counted.recallCount).toBe(3);
    expect(Date.parse(counted.lastRecalledAt as string)).toBeGreaterThanOrEqual(before - 1);
    expect(await countOf(second)).toEqual({ recallCount: 0, lastRecalledAt: null });
    const { hits } = await recall(coder, 'lighthouse lamp');
    expect(hits[0]?.explanation.usageBoost).toBeGreaterThan(0);
    expect(hits[1]?.explanation.usageBoost).toBe(0);
  });

  it('touches neither the memory nor its version, and makes no event', async () => {
    const id = await store('The observatory dome turns at dusk');
    const stateOf = async () =>
      (
        await sql(
          `select m.ctid::text, m.version, p.seq from memory m join pool p using (org_id, pool_id) where memory_id = $1`,
          id,
        )
      ).rows;
    const before = await stateOf();
    await found('observatory dome');
    await eventually(
      () => countOf(id),
      ({ recallCount }) => recallCount === 1,
    );
    expect(await stateOf()).toEqual(before);
  });

  it('is shown to whoever may see the memory, also where the policy hides its content', async () => {
    const id = await share('The vault code changes weekly');
    await found('vault code');
    await eventually(
      () => countOf(id),
      ({ recallCount }) => recallCount === 1,
    );
    await editPolicy(api.admin, (statements) => [
      ...statements,
      { id: 'hides', effect: 'DENY', roles: ['coder'], actions: ['READ'], pools: ['shared'], fields: ['content'] },
    ]);
    expect(await found('vault code')).toEqual([]);
    expect((await countOf(id)).recallCount).toBe(1);
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'hides'));
  });

  it('ends with the memory: what is forgotten has no count, and gets none afterwards', async () => {
    const id = await store('The windmill sails were mended');
    await found('windmill sails');
    await eventually(
      () => countOf(id),
      ({ recallCount }) => recallCount === 1,
    );
    api.broker.usage.note([id]);
    await coder.ask(FORGET, { id });
    await api.broker.usage.flush();
    expect((await sql('select from memory_usage where memory_id = $1', id)).rows).toEqual([]);
    expect((await countOf(id)).recallCount).toBe(0);
  });

  it('adds up what two brokers count at the same time, of the same memories in another order', async () => {
    const ids = [];
    for (let i = 0; i < 12; i++) ids.push(await store(`The carousel horse number ${i} was painted`));
    const failed: unknown[] = [];
    const brokers = [0, 1].map(() => new UsageCounter(api.broker.access, new Clock(), (error) => failed.push(error)));
    for (let round = 0; round < 10; round++) {
      brokers[0]?.note(ids);
      brokers[1]?.note([...ids].reverse());
      await Promise.all(brokers.map((broker) => broker.flush()));
    }
    await Promise.all(brokers.map((broker) => broker.stop()));
    expect(failed).toEqual([]);
    for (const id of ids) expect((await countOf(id)).recallCount).toBe(20);
  });

  it('loses nothing when the database does not answer: it is written with the next', async () => {
    const id = await store('The canal lock was drained');
    await sql('alter table memory_usage rename to memory_usage_gone');
    api.broker.usage.note([id, id]);
    await api.broker.usage.flush();
    await sql('alter table memory_usage_gone rename to memory_usage');
    api.broker.usage.note([id]);
    await api.broker.usage.flush();
    expect((await countOf(id)).recallCount).toBe(3);
  });
});

describe('near-duplicates', () => {
  it('give their places to others, and are named', async () => {
    const contents = [
      'Sextant drills start at nine.',
      'sextant drills: start at NINE',
      'Sextant drills start at nine!!',
    ];
    const same = [];
    for (const [n, content] of contents.entries()) same.push(await (n === 1 ? share(content) : store(content)));
    const other = await store('Sextant drills start at ten');
    const { hits } = await recall(coder, 'sextant drills nine', { limit: 2 });
    expect(same).toContain(hits[0]?.memory.id);
    expect([hits[0]?.memory.id, ...(hits[0]?.repeats ?? [])].sort()).toEqual([...same].sort());
    expect(hits[1]).toMatchObject({ memory: { id: other }, repeats: [], rank: 2 });
  });
});

describe('a token budget', () => {
  it('holds for the very block that is returned, and the hits are those in it', async () => {
    for (let i = 0; i < 30; i++)
      await store(`Archive shelf ${i}: ${'東京 ledger — Привет 🏳️‍🌈 '.repeat(1 + (i % 7))}`, {
        type: ['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'][i % 3],
      });
    let most = 0;
    for (const tokenBudget of [1, 20, 60, 150, 400, 1_000, 100_000]) {
      const { context, hits } = await recall(coder, 'archive shelf', { tokenBudget, limit: 100 });
      expect(encode(context).length).toBeLessThanOrEqual(tokenBudget);
      expect(hits.every(({ memory }) => context.includes(memory.id))).toBe(true);
      expect(hits.map(({ rank }) => rank)).toEqual(hits.map((_, place) => place + 1));
      expect(hits.length).toBeGreaterThanOrEqual(most);
      most = hits.length;
    }
    expect(most).toBe(30);
  });
});

describe('a pool’s limit', () => {
  it('keeps a large pool from crowding out another', async () => {
    for (let i = 0; i < 20; i++) await store(`Granary ledger entry number ${i}`, { pool: 'coder' });
    const shared = await share('Granary ledger of the shared kind, further down in every ranking there is', {
      importance: 'LOW',
    });
    expect(await found('granary ledger entry number', { limit: 5 })).not.toContain(shared);
    const hits = await found('granary ledger entry number', { limit: 5, perPoolLimit: 4 });
    expect(hits).toHaveLength(5);
    expect(hits).toContain(shared);
  });
});
