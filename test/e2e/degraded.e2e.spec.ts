import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Writable } from 'node:stream';
import { exportMemories } from '../../apps/cli/src/export/export-memories.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { ChatServer } from '../support/chat-server.js';
import { converse, RETRY, said, settled } from '../support/conversations.js';
import { MEMORIZE } from '../support/memories.js';
import { REVISE } from '../support/world.js';

let api: TestApi;
let coder: TestClient & { id: string };
let reviewer: TestClient & { id: string };

/** Both models are configured, and nobody is at their address, from the first request to the last. */
beforeAll(async () => {
  const server = await ChatServer.start();
  await server.close();
  const env = { ...server.env, EMBEDDING_MODEL: 'test', EMBEDDING_TIMEOUT_MS: '500', LLM_TIMEOUT_MS: '1000' };
  api = await startTestApi(env, undefined, { extraction: { mostAttempts: 1 } });
  coder = await api.agent('coder');
  reviewer = await api.agent('reviewer');
});
afterAll(() => api.close());

interface Payload {
  memorize: { outcome: string; indexed: boolean; memory: { id: string } };
}
const store = async (input: object): Promise<Payload['memorize']> =>
  (await coder.ask<Payload>(MEMORIZE.replace('outcome', 'outcome indexed'), { input })).memorize;

describe('with the language model and the embedder down all the time', () => {
  it('memories are stored, without their vectors, and found by their words', async () => {
    const { outcome, indexed, memory } = await store({ content: 'Amber floats', type: 'DECLARATIVE' });
    expect({ outcome, indexed }).toEqual({ outcome: 'CREATED', indexed: false });
    const query = '{ recall(input: {query: "amber"}) { degraded context hits { memory { id } } } }';
    const { recall } = await coder.ask<{ recall: { degraded: string[]; context: string; hits: { memory: object }[] } }>(
      query,
    );
    expect(recall).toMatchObject({ degraded: ['VECTOR'], hits: [{ memory: { id: memory.id } }] });
    expect(recall.context).toContain('Amber floats');
  });

  it('a task is answered from memory, or with a plain sentence, and the answer says what was missing', async () => {
    await store({ content: 'Amber is polished with chalk', type: 'PROCEDURAL', entityId: 'amber' });
    const complete = async (task: string) =>
      (
        await coder.ask<{ complete: object }>(
          'mutation ($input: CompleteInput!) { complete(input: $input) { text source degraded missing } }',
          { input: { task, entityId: 'amber' } },
        )
      ).complete;
    expect(await complete('How is amber polished?')).toMatchObject({
      text: expect.stringContaining('Amber is polished with chalk'),
      source: 'MEMORY',
      degraded: true,
      missing: ['LLM', 'VECTOR'],
    });
    expect(await complete('Who won?')).toMatchObject({ source: 'NONE', degraded: true, missing: ['LLM', 'VECTOR'] });
  });

  it('a conversation is stored, and what could not be learnt from it is said and may be tried again', async () => {
    const { results, extraction } = await converse(coder, [said('USER', 'Amber is old')]);
    expect(results[0]).toMatchObject({ outcome: 'CREATED' });
    const failed = await settled(coder, extraction.id);
    expect(failed).toMatchObject({ status: 'FAILED', error: expect.stringMatching(/language model/), turns: [{}] });
    expect(await coder.ask(RETRY, { id: extraction.id })).toMatchObject({ retryExtraction: { status: 'QUEUED' } });
  });

  it('memories are revised, reviewed, exported and erased', async () => {
    const { memory } = await store({ content: 'Amber is resin', type: 'DECLARATIVE', entityId: 'resin' });
    await coder.ask(REVISE, { input: { id: memory.id, expectedVersion: 1, content: 'Amber was resin' } });
    const proposal = await store({ content: 'Amber for all', type: 'DECLARATIVE', pool: 'shared' });
    const review = `mutation { review(id: "${proposal.memory.id}", approve: true) { status } }`;
    expect(await reviewer.ask(review)).toEqual({ review: { status: 'ACTIVE' } });
    let written = '';
    const output = new Writable({
      write: (chunk: Buffer, _, done) => {
        written += chunk.toString();
        done();
      },
    });
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    const to = { url: `${coder.url}/graphql`, key: coder.key, output, stream };
    expect(await exportMemories({ ...to, entity: 'resin' })).toMatchObject({ exported: 1, exitCode: 0 });
    expect(written.trimEnd().split('\n')).toHaveLength(2);
    const erase = 'mutation { erase(input: {entityId: "resin"}) { ids revisions vectors } }';
    expect(await coder.ask(erase)).toEqual({ erase: { ids: [memory.id], revisions: 1, vectors: 0 } });
  });
});
