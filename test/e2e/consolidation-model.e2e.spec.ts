import type { Passages, Summarizer } from '#memory';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { consolidate } from '../support/consolidation.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';

/** A model to order. */
class Scripted implements Summarizer {
  readonly mode = 'LLM';
  asked = 0;
  summarize: Summarizer['summarize'] = () => Promise.reject(new Error('not told what to say'));
  contradictions: Summarizer['contradictions'] = () => Promise.resolve([]);
}

const model = new Scripted();
let api: TestApi;
let embedder: EmbeddingServer;
let coder: TestClient;
beforeAll(async () => {
  embedder = await EmbeddingServer.start();
  const asked: Summarizer = {
    mode: 'LLM',
    summarize: (passages, signal) => (model.asked++, model.summarize(passages, signal)),
    contradictions: (facts, signal) => model.contradictions(facts, signal),
  };
  api = await startTestApi(embedder.env, undefined, { consolidation: { summarizer: asked } });
  coder = await api.agent('coder');
});
afterAll(async () => {
  await api.close();
  await embedder.close();
});
afterEach(async () => {
  Object.assign(model, new Scripted());
  await api.broker.database.maintenance(`update memory set status = 'ARCHIVED' where status = 'ACTIVE'`);
  await api.broker.database.maintenance('update pool set memories = 0');
});

let sessions = 0;
async function session(turns: readonly string[]): Promise<void> {
  const sessionId = `session ${sessions++}`;
  for (const content of turns)
    await memorize(coder, { content: `${content} in ${sessionId}`, sessionId, validFrom: '2024-03-01T10:00:00Z' });
}
const contents = async () =>
  (
    await coder.ask<{ memories: { nodes: { content: string }[] } }>('{ memories { nodes { content } } }')
  ).memories.nodes.map(({ content }) => content);

describe('with a model', () => {
  it('summaries are its words, of what was said in order, and get their vectors', async () => {
    await session(['the kiln was lit', 'the bowl cracked']);
    let given: Passages | undefined;
    model.summarize = (passages) => Promise.resolve(((given = passages), 'A bowl cracked in the kiln.'));
    const run = await consolidate(api.admin, { pool: 'coder' });
    expect(run).toMatchObject({ mode: 'LLM', fallbacks: 0, summarized: 2 });
    expect(given).toMatchObject({ speaker: null, language: 'ENGLISH' });
    expect(given?.texts.map((text) => text.slice(0, 8))).toEqual(['the kiln', 'the bowl']);
    expect(await contents()).toEqual(['A bowl cracked in the kiln.']);
    const id = run.changes[0]?.after?.id;
    await eventually(
      async () =>
        (await coder.ask<{ memory: { indexed: boolean } }>(`{ memory(id: "${id}") { indexed } }`)).memory.indexed,
    );
  });

  it('contradictions are what it finds', async () => {
    const about = { type: 'DECLARATIVE', entityId: 'ada' };
    const [older, newer] = [
      await memorize(coder, { content: 'Ada keeps bees', ...about }),
      await memorize(coder, { content: 'The hives were sold', ...about }),
    ];
    model.contradictions = (facts) =>
      Promise.resolve([{ older: facts[0]?.id as string, newer: facts[1]?.id as string }]);
    const run = await consolidate(api.admin, { pool: 'coder' });
    expect(run).toMatchObject({ mode: 'LLM', superseded: 1 });
    expect(run.changes).toMatchObject([{ before: [{ id: older }], after: { id: newer } }]);
  });

  it('the rules take over when it fails, and the run says how often', async () => {
    for (let one = 0; one < 5; one++) await session(['the kiln was lit', 'the bowl cracked']);
    model.summarize = () => Promise.reject(new Error('overloaded'));
    model.contradictions = () => Promise.reject(new Error('overloaded'));
    const run = await consolidate(api.admin, { pool: 'coder' });
    expect(run).toMatchObject({ status: 'SUCCEEDED', mode: 'LLM', fallbacks: 5, summarized: 10 });
    // After three failures in a row it is left alone.
    expect(model.asked).toBe(3);
    expect((await contents())[0]).toMatch(/^the kiln was lit in session \d+\nthe bowl cracked in session \d+$/);
  });

  it('nothing that it says makes a summary that is none', async () => {
    await session(['the kiln was lit', 'the bowl cracked']);
    model.summarize = () => Promise.resolve('   ');
    expect(await consolidate(api.admin, { pool: 'coder' })).toMatchObject({ summarized: 2, fallbacks: 1 });
    expect(await contents()).toEqual([expect.stringContaining('the kiln was lit')]);
  });
});
