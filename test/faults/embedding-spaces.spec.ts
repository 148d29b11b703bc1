import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Database } from '#platform';
import { registerAgent, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { describeOnNative } from '../support/database.js';
import { DIMENSIONS, EmbeddingServer, turned } from '../support/embedding-server.js';

const WITHIN_MS = 90_000;
/** Two or three brokers start in each test, and the lease of one that was killed has to run out. */
jest.setTimeout(180_000);
const OLD = (vector: number[]) => vector;
const BOTH = { old: OLD, new: turned };

let server: EmbeddingServer;
beforeAll(async () => {
  server = await EmbeddingServer.start();
});
afterEach(() => {
  server.requests.length = 0;
  Object.assign(server, { failure: null, models: null, refuses: null, lengthen: 0, delayMs: 0 });
});
afterAll(() => server.close());

interface Recalled {
  degraded: string[];
  hits: { memory: { id: string; content: string }; explanation: { vectorRank: number | null } }[];
}
const RECALL = `query ($query: String!) { recall(input: {query: $query, limit: 100}) {
  degraded hits { memory { id content } explanation { vectorRank } } } }`;
const recall = async (who: TestClient, query: string) =>
  (await who.ask<{ recall: Recalled }>(RECALL, { query })).recall;
const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { indexed memory { id } } }';
const memorize = async (who: TestClient, content: string) =>
  (
    await who.ask<{ memorize: { indexed: boolean; memory: { id: string } } }>(MEMORIZE, {
      input: { content, type: 'EPISODIC' },
    })
  ).memorize;

/** Without a word in common with any query: it can only be found by its meaning. */
const unlike = (n: number) => `rollout of part ${String.fromCharCode(97 + (n % 26))}${n}`;
const many = async (who: TestClient, from: number, count: number) => {
  const inputs = Array.from({ length: count }, (_, n) => ({ content: unlike(from + n), type: 'EPISODIC' }));
  const text = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { code } } }';
  expect(await who.ask(text, { inputs })).toEqual({ memorizeMany: { failures: [] } });
};

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it did not come about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Of all that may be recalled, how many are found by their meaning. */
const foundByMeaning = async (who: TestClient) => {
  const { degraded, hits } = await recall(who, `when do we ship ${attempt++}`);
  return { degraded, found: hits.filter((hit) => hit.explanation.vectorRank !== null).length };
};
let attempt = 0;

/** What the store holds, once its brokers have ended. */
async function spacesIn(store: NodeJS.ProcessEnv) {
  const database = await Database.open({
    url: store['DATABASE_URL'],
    dataDir: store['DATA_DIR'],
    entities: [],
    migrations: [],
  });
  const { rows } = await database.maintenance<{
    model: string;
    dimensions: number;
    state: string;
    lacking: number;
    strange: number;
  }>(
    `select s.model, s.dimensions, s.state,
       (select count(*) from memory m where m.org_id = s.org_id and m.content is not null and not exists (
         select from memory_vector v where v.space_id = s.space_id and v.memory_id = m.memory_id)) as lacking,
       (select count(*) from memory_vector v join memory m using (org_id, memory_id)
         where v.space_id = s.space_id and (vector_dims(v.embedding::vector) <> s.dimensions or m.content is null)) as strange
     from embedding_space s order by s.created_at`,
  );
  await database.close();
  return rows;
}

/** The new model was asked for the text, and what comes before it is stored. */
const atWork = (text: string) =>
  until('the new model is at work', () =>
    Promise.resolve(server.requests.some(({ model, texts }) => model === 'new' && texts.includes(text))),
  );

const exchangedBy = (broker: BrokerProcess) =>
  until('the space is exchanged', () => Promise.resolve(broker.stderr.includes('the embedding space was exchanged')));

async function begun(model: string) {
  const store = await newStore();
  const env = { ...store, ...server.env, EMBEDDING_MODEL: model };
  const broker = await BrokerProcess.start(env);
  return { store, env, broker, agent: await registerAgent(broker.client, 'coder') };
}

describe('a change of model', () => {
  it('is answered from the old space until the new one is complete, with writes going into both', async () => {
    server.models = BOTH;
    const { store, env, broker, agent } = await begun('old');
    await many(agent, 0, 80);
    await broker.kill('SIGTERM');
    // The new model waits in the middle of its work, so that there is time to look.
    const release = server.hold(unlike(70));
    const next = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    const here = next.client.as(agent.key);
    await atWork(unlike(70));
    expect(await foundByMeaning(here)).toEqual({ degraded: [], found: 80 });
    const asked = server.requests.length;
    expect((await memorize(here, unlike(1000))).indexed).toBe(true);
    expect(
      server.requests
        .slice(asked)
        .map(({ model }) => model)
        .sort(),
    ).toEqual(['new', 'old']);
    const forgotten = await memorize(here, unlike(1001));
    await here.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: forgotten.memory.id });
    expect(await foundByMeaning(here)).toEqual({ degraded: [], found: 81 });
    release();
    await exchangedBy(next);
    await until('the new space is searched', async () => {
      const from = server.requests.length;
      await foundByMeaning(here);
      return server.requests[from]?.model === 'new';
    });
    expect(await foundByMeaning(here)).toEqual({ degraded: [], found: 81 });
    await next.kill('SIGTERM');
    // The memory that was forgotten has no content, and counts for nothing.
    expect(await spacesIn(store)).toEqual([
      expect.objectContaining({ model: 'old', state: 'RETIRED', strange: 0 }),
      { model: 'new', dimensions: DIMENSIONS, state: 'CURRENT', lacking: 0, strange: 0 },
    ]);
  });

  it('where the old model can no longer be asked, recall goes by words and says so, and nothing is lost', async () => {
    server.models = { old: OLD };
    const { store, env, broker, agent } = await begun('old');
    await many(agent, 0, 40);
    await broker.kill('SIGTERM');
    server.models = { new: turned };
    const release = server.hold(unlike(35));
    const next = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    const here = next.client.as(agent.key);
    await atWork(unlike(35));
    const { degraded, hits } = await recall(here, 'rollout');
    expect(degraded).toEqual(['VECTOR']);
    expect(hits).toHaveLength(40);
    expect((await memorize(here, unlike(2000))).indexed).toBe(false);
    release();
    await until('all is found again', async () => (await foundByMeaning(here)).found === 41);
    await next.kill('SIGTERM');
    expect((await spacesIn(store)).at(-1)).toMatchObject({ model: 'new', state: 'CURRENT', lacking: 0, strange: 0 });
  });

  it('where another model answers to the old name, its vectors are not compared with the old ones', async () => {
    server.models = { old: OLD };
    const { env, broker, agent } = await begun('old');
    await many(agent, 0, 40);
    await broker.kill('SIGTERM');
    server.models = { old: turned, new: turned };
    const release = server.hold(unlike(35));
    const next = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    const here = next.client.as(agent.key);
    await atWork(unlike(35));
    expect((await recall(here, 'when do we ship?')).degraded).toEqual(['VECTOR']);
    release();
    await until('all is found again', async () => (await foundByMeaning(here)).found === 40);
    await next.kill('SIGTERM');
  });

  it('to one of another dimension under the same name never lets vectors of the two meet', async () => {
    // The vectors of the new one once went into the space of the old one, and every recall failed from then on.
    const { store, env, broker, agent } = await begun('test');
    await many(agent, 0, 10);
    await broker.kill('SIGTERM');
    server.lengthen = 5;
    const next = await BrokerProcess.start(env);
    const here = next.client.as(agent.key);
    await until('all is found by the new one', async () => {
      const { degraded, found } = await foundByMeaning(here);
      return degraded.length === 0 && found === 10;
    });
    await next.kill('SIGTERM');
    expect(await spacesIn(store)).toEqual([
      expect.objectContaining({ dimensions: DIMENSIONS, state: 'RETIRED', strange: 0 }),
      { model: 'test', dimensions: DIMENSIONS + 5, state: 'CURRENT', lacking: 0, strange: 0 },
    ]);
  });

  it('goes on where it was after kill -9, and embeds nothing twice that was stored', async () => {
    server.models = BOTH;
    const { store, env, broker, agent } = await begun('old');
    await many(agent, 0, 80);
    await broker.kill('SIGTERM');
    const release = server.hold(unlike(70));
    const killed = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    await atWork(unlike(70));
    await killed.kill('SIGKILL');
    release();
    const from = server.texts.length;
    const next = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    const here = next.client.as(agent.key);
    await exchangedBy(next);
    const again = server.texts.slice(from).filter((text) => text.startsWith('rollout'));
    expect(new Set(again).size).toBe(again.length);
    expect(again.length).toBeLessThan(50);
    await until('all is found again', async () => (await foundByMeaning(here)).found === 80);
    await next.kill('SIGTERM');
    expect((await spacesIn(store)).at(-1)).toMatchObject({ model: 'new', state: 'CURRENT', lacking: 0, strange: 0 });
  });

  it('is not stopped by a memory that the model refuses', async () => {
    server.models = BOTH;
    const { env, broker, agent } = await begun('old');
    await many(agent, 0, 40);
    await broker.kill('SIGTERM');
    server.refuses = unlike(20);
    const next = await BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' });
    const here = next.client.as(agent.key);
    await exchangedBy(next);
    await until('the others are found', async () => (await foundByMeaning(here)).found === 39);
    expect((await recall(here, unlike(20))).hits.map((hit) => hit.memory.content)).toContain(unlike(20));
    await next.kill('SIGTERM');
  });
});

describe('memories that were stored before there was a model', () => {
  it('are embedded once there is one', async () => {
    const store = await newStore();
    const first = await BrokerProcess.start(store);
    const agent = await registerAgent(first.client, 'coder');
    await many(agent, 0, 70);
    await first.kill('SIGTERM');
    const next = await BrokerProcess.start({ ...store, ...server.env });
    const here = next.client.as(agent.key);
    await until('all are found', async () => (await foundByMeaning(here)).found === 70);
    const metrics = await (await fetch(`${next.url}/metrics`)).text();
    expect(metrics).toMatch(/^commonplace_embedding_backlog 0$/m);
    await next.kill('SIGTERM');
  });
});

describeOnNative('of two brokers on one Postgres', () => {
  it('one embeds everything anew, each memory once, while both write, and both exchange', async () => {
    server.models = BOTH;
    const { store, env, broker, agent } = await begun('old');
    await many(agent, 0, 80);
    await broker.kill('SIGTERM');
    server.delayMs = 100;
    const from = server.texts.length;
    const two = await Promise.all([1, 2].map(() => BrokerProcess.start({ ...env, EMBEDDING_MODEL: 'new' })));
    const clients = two.map((one) => one.client.as(agent.key));
    const written = 20;
    for (let n = 0; n < written; n++) await memorize(clients[n % 2] as TestClient, unlike(5000 + n));
    await until('one has exchanged', () => Promise.resolve(two.some((one) => one.stderr.includes('was exchanged'))));
    for (const client of clients)
      await until('all is found', async () => (await foundByMeaning(client)).found === 80 + written);
    const old = new Set(Array.from({ length: 80 }, (_, n) => unlike(n)));
    const again = server.texts.slice(from).filter((text) => old.has(text));
    expect(again.length - new Set(again).size).toBeLessThanOrEqual(2); // each compares one, to see who answers to the old name
    expect(two.filter((one) => one.stderr.includes('was exchanged'))).toHaveLength(1);
    for (const one of two) await one.kill('SIGTERM');
    expect((await spacesIn(store)).at(-1)).toMatchObject({ model: 'new', state: 'CURRENT', lacking: 0, strange: 0 });
  });
});
