import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';

const MEMORIZE = `mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id expiresAt metadata author { id } } } }`;
const RECALL = 'query ($query: String!) { recall(input: {query: $query}) { hits { memory { id } } } }';

interface Stored {
  outcome: string;
  memory: { id: string; expiresAt: string | null; metadata: unknown; author: { id: string } };
}

let api: TestApi;
let planner: TestClient & { id: string };
let reviewer: TestClient & { id: string };

beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  reviewer = await api.agent('reviewer');
});
afterAll(() => api.close());

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function store(who: TestClient, content: string, rest: Record<string, unknown> = {}): Promise<Stored> {
  const { memorize } = await who.ask<{ memorize: Stored }>(MEMORIZE, {
    input: { content, type: 'DECLARATIVE', pool: 'shared', ...rest },
  });
  return memorize;
}

async function found(who: TestClient, query: string): Promise<string[]> {
  const { recall } = await who.ask<{ recall: { hits: { memory: { id: string } }[] } }>(RECALL, { query });
  return recall.hits.map((hit) => hit.memory.id);
}

describe('a memory that expires', () => {
  it('is gone at its time, and what is told again is new: nothing of the old one comes back', async () => {
    const old = await store(planner, 'The staging door code is 4711', {
      metadata: { secret: 'old' },
      expiresAt: inSeconds(1),
    });
    await pause(1_300);
    expect(await found(reviewer, 'staging door code')).toEqual([]);
    const again = await store(reviewer, 'The staging door code is 4711');
    expect(again).toMatchObject({
      outcome: 'CREATED',
      memory: { metadata: null, author: { id: reviewer.id }, expiresAt: null },
    });
    expect(again.memory.id).not.toBe(old.memory.id);
    expect(await found(planner, 'staging door code')).toEqual([again.memory.id]);
  });

  it('is not taken for one that lasts longer: that one is stored beside it', async () => {
    const brief = await store(planner, 'The freeze of the release branch holds', { expiresAt: inSeconds(60) });
    const lasting = await store(reviewer, 'The freeze of the release branch holds');
    expect(lasting.outcome).toBe('CREATED');
    expect(lasting.memory.id).not.toBe(brief.memory.id);
    expect(await store(planner, 'The freeze of the release branch holds')).toMatchObject({
      outcome: 'DUPLICATE',
      memory: { id: lasting.memory.id },
    });
  });

  it('stands for one that would end sooner', async () => {
    const lasting = await store(planner, 'Releases happen on Tuesdays');
    expect(await store(reviewer, 'Releases happen on Tuesdays', { expiresAt: inSeconds(60) })).toMatchObject({
      outcome: 'DUPLICATE',
      memory: { id: lasting.memory.id, expiresAt: null },
    });
  });
});
