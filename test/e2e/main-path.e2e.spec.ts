import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';

let api: TestApi;
let coder: TestClient;

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const MEMORIZE = `mutation ($input: MemorizeInput!) {
  memorize(input: $input) { outcome indexed memory { id content status version pool { key } author { name role } } }
}`;

describe('memorize and recall', () => {
  it("stores in the caller's own role's pool and finds it by a word in another form", async () => {
    const stored = await coder.ask<{
      memorize: { outcome: string; memory: { id: string; pool: { key: string }; author: { role: string } } };
    }>(MEMORIZE, {
      input: { content: 'The migrations failed because the lock was held', type: 'EPISODIC' },
    });
    expect(stored.memorize).toMatchObject({
      outcome: 'CREATED',
      indexed: true,
      memory: { status: 'ACTIVE', version: 1, pool: { key: 'coder' }, author: { role: 'coder' } },
    });
    const { recall } = await coder.ask<{ recall: { hits: { memory: { id: string } }[]; context: string } }>(
      '{ recall(input: {query: "why does a migration fail?"}) { context degraded policyVersion searchedPools hits { rank score memory { id } } } }',
    );
    expect(recall).toMatchObject({ degraded: [], policyVersion: 1, searchedPools: ['coder', 'planner', 'shared'] });
    expect(recall.hits[0]?.memory.id).toBe(stored.memorize.memory.id);
    expect(recall.context).toContain(`[coder ${stored.memorize.memory.id}] The migrations failed`);
  });
});
