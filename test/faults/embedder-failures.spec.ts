import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { registerAgent, startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { cosine, embed, EmbeddingServer, FAILURES, type Failure } from '../support/embedding-server.js';

const DRAINED_WITHIN_MS = 50_000;

let server: EmbeddingServer;
let api: TestApi;
let coder: TestClient & { id: string };

beforeAll(async () => {
  server = await EmbeddingServer.start();
  api = await startTestApi(server.env);
});
afterAll(async () => {
  await api.close();
  await server.close();
});
beforeEach(async () => {
  coder = await api.agent('coder');
});
afterEach(async () => {
  server.failure = null;
  // Until the embedder is asked again: after five failures in a row it is left alone for ten seconds.
  // With another text each time: what was asked for before is known without it.
  await until(async () => (await recall(coder, `anything ${attempt++}`)).degraded.length === 0);
});
let attempt = 0;

interface Payload {
  indexed: boolean;
  memory: { id: string };
}
interface Recalled {
  degraded: string[];
  hits: { memory: { id: string }; explanation: { vectorRank: number | null; textRank: number | null } }[];
}

const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { indexed memory { id indexed } } }';
const REVISE = 'mutation ($input: ReviseInput!) { revise(input: $input) { version indexed } }';
const RECALL =
  'query ($query: String!) { recall(input: {query: $query, limit: 100}) { degraded hits { memory { id } explanation { vectorRank textRank } } } }';

const memorize = async (who: TestClient, content: string, rest: object = {}) =>
  (await who.ask<{ memorize: Payload }>(MEMORIZE, { input: { content, type: 'EPISODIC', ...rest } })).memorize;
const recall = async (who: TestClient, query: string) =>
  (await who.ask<{ recall: Recalled }>(RECALL, { query })).recall;
const isIndexed = async (who: TestClient, id: string) =>
  (await who.ask<{ memory: { indexed: boolean } }>('query ($id: ID!) { memory(id: $id) { indexed } }', { id })).memory
    .indexed;

const sql = async <Row extends Record<string, unknown>>(text: string, values: unknown[] = []) =>
  (await api.broker.database.maintenance<Row>(text, values)).rows;
const jobsFor = (id: string) =>
  sql<{ data: unknown; state: string }>(`select data, state from job.job where name = 'embed' and data::text like $1`, [
    `%${id}%`,
  ]);
const vectorsOf = async (id: string) =>
  (await sql<{ embedding: string }>('select embedding::text from memory_vector where memory_id = $1', [id])).map(
    ({ embedding }) => JSON.parse(embedding) as number[],
  );

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DRAINED_WITHIN_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function expectVectorOf(id: string, content: string): Promise<void> {
  const vectors = await vectorsOf(id);
  expect(vectors).toHaveLength(1);
  expect(cosine(vectors[0] as number[], embed(content))).toBeCloseTo(1, 3);
}

describe.each(Object.keys(FAILURES) as Failure[])('while the embedder %s', (failure) => {
  it('a memory is stored without its vector, found by its words, and indexed when the embedder is back', async () => {
    server.failure = failure;
    const content = `the gateway moved when it ${failure}`;
    const { indexed, memory } = await memorize(coder, content);
    expect(indexed).toBe(false);
    expect(await isIndexed(coder, memory.id)).toBe(false);
    expect(await vectorsOf(memory.id)).toEqual([]);
    expect(await jobsFor(memory.id)).toMatchObject([{ data: { memoryIds: [memory.id] } }]);
    const { degraded, hits } = await recall(coder, 'where is the gateway?');
    expect(degraded).toEqual(['VECTOR']);
    expect(hits.find((hit) => hit.memory.id === memory.id)?.explanation).toMatchObject({
      vectorRank: null,
      textRank: expect.any(Number),
    });
    server.failure = null;
    await until(() => isIndexed(coder, memory.id));
    await expectVectorOf(memory.id, content);
  });
});

describe('while the embedder is away', () => {
  it('so that connections are refused, everything goes on by words, and the backlog is made when it is back', async () => {
    await server.close();
    const { indexed, memory } = await memorize(coder, 'the certificate ends in may');
    expect(indexed).toBe(false);
    expect((await recall(coder, 'certificate')).degraded).toEqual(['VECTOR']);
    await server.listen();
    await until(() => isIndexed(coder, memory.id));
  });

  it('a batch has one job of all that were stored, and none of those that were not', async () => {
    server.failure = 'answers 500';
    const known = await memorize(coder, 'this one is known');
    const inputs = ['first of the batch', 'this one is known', 'second of the batch'].map((content) => ({
      content,
      type: 'EPISODIC',
    }));
    const many =
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { indexed memory { id } } failures { code } } }';
    const denied = { content: 'not mine to write', type: 'EPISODIC', pool: 'planner' };
    const { memorizeMany } = await coder.ask<{ memorizeMany: { results: Payload[]; failures: { code: string }[] } }>(
      many,
      { inputs: [...inputs, denied] },
    );
    expect(memorizeMany.results.map((result) => result.indexed)).toEqual([false, false, false]);
    expect(memorizeMany.failures).toEqual([{ code: 'FORBIDDEN' }]);
    const [first, , second] = memorizeMany.results as [Payload, Payload, Payload];
    expect(await jobsFor(first.memory.id)).toMatchObject([
      { data: { memoryIds: [first.memory.id, second.memory.id] } },
    ]);
    expect(await jobsFor(known.memory.id)).toHaveLength(1);
  });

  it('no job is left by a write that was rolled back', async () => {
    const id = api.broker.access.orgId;
    const principal = await api.broker.credentials.authenticate(coder.key);
    const failing = api.broker.access.write(principal, async (unit) => {
      await api.broker.jobs.enqueue(unit, 'embed', { memoryIds: [id] });
      throw new Error('the write failed behind the job');
    });
    await expect(failing).rejects.toThrow('behind the job');
    expect(await jobsFor(id)).toEqual([]);
  });

  it('a revised memory loses its old vector at once, and gets that of its newest content', async () => {
    const { memory } = await memorize(coder, 'the bug is in the parser');
    server.failure = 'answers 500';
    const { revise } = await coder.ask<{ revise: object }>(REVISE, {
      input: { id: memory.id, expectedVersion: 1, content: 'the fault was slow storage' },
    });
    expect(revise).toEqual({ version: 2, indexed: false });
    expect(await vectorsOf(memory.id)).toEqual([]);
    await coder.ask(REVISE, { input: { id: memory.id, expectedVersion: 2, content: 'the invoice was wrong' } });
    server.failure = null;
    await until(() => isIndexed(coder, memory.id));
    await expectVectorOf(memory.id, 'the invoice was wrong');
  });

  it('a memory that is forgotten before its turn gets no vector', async () => {
    server.failure = 'answers 500';
    const { memory } = await memorize(coder, 'the password of the printer');
    const other = await memorize(coder, 'the printer is on the second floor');
    await coder.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: memory.id });
    server.failure = null;
    await until(() => isIndexed(coder, other.memory.id));
    await until(async () => (await jobsFor(memory.id)).every((job) => job.state === 'completed'));
    expect(await vectorsOf(memory.id)).toEqual([]);
  });
});

describe('while the backlog is being made', () => {
  it('a memory that is revised meanwhile keeps the vector of its new content', async () => {
    server.failure = 'answers 500';
    const content = 'the standup moved to ten';
    const { memory } = await memorize(coder, content);
    const asked = server.texts.filter((text) => text === content).length;
    const release = server.hold(content);
    server.failure = null;
    await until(() => Promise.resolve(server.texts.filter((text) => text === content).length > asked));
    await coder.ask(REVISE, { input: { id: memory.id, expectedVersion: 1, content: 'the bill is paid' } });
    release();
    await until(async () => (await jobsFor(memory.id)).every((job) => job.state === 'completed'));
    await expectVectorOf(memory.id, 'the bill is paid');
  });
});

describe('a broker that is killed with a backlog', () => {
  it('makes it after its restart', async () => {
    const away = await EmbeddingServer.start();
    const store = { ...(await newStore()), ...away.env };
    await away.close();
    const first = await BrokerProcess.start(store);
    const agent = await registerAgent(first.client, 'coder');
    const { indexed, memory } = await memorize(agent, 'the release is on hold');
    expect(indexed).toBe(false);
    await first.kill('SIGKILL');
    await away.listen();
    const second = await BrokerProcess.start(store);
    const back = second.client.as(agent.key);
    await until(() => isIndexed(back, memory.id));
    expect((await recall(back, 'when do we ship?')).hits[0]).toMatchObject({
      memory: { id: memory.id },
      explanation: { vectorRank: 1, textRank: null },
    });
    await second.kill('SIGTERM');
    await away.close();
  });
});
