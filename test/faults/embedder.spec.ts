import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { cosine, embed, EmbeddingServer } from '../support/embedding-server.js';

let server: EmbeddingServer;
let api: TestApi;
let coder: TestClient & { id: string };

beforeAll(async () => {
  server = await EmbeddingServer.start();
  api = await startTestApi(server.env);
  coder = await api.agent('coder');
});
afterAll(async () => {
  await api.close();
  await server.close();
});

interface Hit {
  memory: { id: string; content: string };
  explanation: { vectorRank: number | null; textRank: number | null };
}
interface Payload {
  outcome: string;
  indexed: boolean;
  memory: { id: string; indexed: boolean; version: number };
}

const MEMORIZE =
  'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome indexed memory { id indexed version } } }';
const RECALL = `query ($input: RecallInput!) { recall(input: $input) {
  degraded hits { score memory { id content } explanation { vectorRank textRank } } } }`;

async function memorize(who: TestClient, content: string, rest: object = {}): Promise<Payload> {
  const input = { content, type: 'DECLARATIVE', ...rest };
  return (await who.ask<{ memorize: Payload }>(MEMORIZE, { input })).memorize;
}

async function recall(who: TestClient, query: string, rest: object = {}): Promise<Hit[]> {
  const { recall: answer } = await who.ask<{ recall: { degraded: string[]; hits: Hit[] } }>(RECALL, {
    input: { query, limit: 100, ...rest },
  });
  expect(answer.degraded).toEqual([]);
  return answer.hits;
}

const idsOf = (hits: Hit[]) => hits.map((hit) => hit.memory.id);
const vectorsOf = async (id: string) =>
  (
    await api.broker.database.maintenance<{ embedding: string }>(
      'select embedding::text from memory_vector where memory_id = $1',
      [id],
    )
  ).rows.map((row) => JSON.parse(row.embedding) as number[]);

describe('with an embedder', () => {
  it('a memory is indexed at once, and found by its meaning without a word in common', async () => {
    const { indexed, memory } = await memorize(coder, 'the rollout waits for friday');
    expect({ indexed, memory: memory.indexed }).toEqual({ indexed: true, memory: true });
    const [first] = await recall(coder, 'when do we ship?');
    expect(first).toMatchObject({ memory: { id: memory.id }, explanation: { vectorRank: 1, textRank: null } });
  });

  it('says of each hit which method found it, and at which rank', async () => {
    const { memory } = await memorize(coder, 'the invoice of march is unpaid');
    const both = (await recall(coder, 'invoice')).find((hit) => hit.memory.id === memory.id);
    expect(both?.explanation).toEqual({ vectorRank: 1, textRank: 1 });
  });

  it('the nearest are exactly those that comparing every vector gives', async () => {
    const planner = await api.agent('planner');
    const words =
      'deploy bug database slow password test meeting invoice blue green lamp river stone cloud paper window'.split(
        ' ',
      );
    const texts = fc.sample(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 8 }), {
      numRuns: 70,
      seed: 11,
    });
    const contents = [...new Set(texts.map((list) => list.join(' ')))];
    await Promise.all(contents.map((content) => memorize(planner, content, { pool: 'planner' })));
    for (const query of fc.sample(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 }), {
      numRuns: 12,
      seed: 7,
    })) {
      const asked = embed(query.join(' '));
      const near = (content: string) => cosine(asked, embed(content));
      const expected = contents.map(near).sort((a, b) => b - a);
      const hits = await recall(planner, query.join(' '), { pools: ['planner'] });
      const byVector = hits.sort((a, b) => (a.explanation.vectorRank as number) - (b.explanation.vectorRank as number));
      expect(byVector.map((hit) => hit.explanation.vectorRank)).toEqual(contents.map((_, i) => i + 1));
      // Equal ones may change places; half precision is good for three digits.
      byVector.forEach((hit, i) => expect(near(hit.memory.content)).toBeCloseTo(expected[i] as number, 2));
    }
  });

  it('many that are stored at once, repeats among them, have a vector each, of their own content', async () => {
    const reviewer = await api.agent('reviewer');
    const words = ['deploy', 'bug', 'database', 'slow', 'password', 'test', 'meeting', 'invoice'];
    const contents = Array.from({ length: 24 }, (_, nth) => `${words[nth % 8]} and ${words[(nth * 3) % 7]} ${nth}`);
    const wanted = [...contents, ...contents.slice(0, 6)];
    const answers = await Promise.all(wanted.map((content) => memorize(reviewer, content, { pool: 'reviewer' })));
    const told = (outcome: string) => answers.filter((answer) => answer.outcome === outcome).length;
    expect([told('CREATED'), told('DUPLICATE')]).toEqual([24, 6]);
    expect(answers.every(({ indexed }) => indexed)).toBe(true);
    for (const [nth, { memory }] of answers.entries()) {
      const vectors = await vectorsOf(memory.id);
      expect(vectors).toHaveLength(1);
      expect(cosine(vectors[0] as number[], embed(wanted[nth] as string))).toBeCloseTo(1, 3);
    }
  });

  it('what the policy keeps from a caller is not found by its meaning either', async () => {
    const tester = await api.agent('tester');
    const hidden = await memorize(tester, 'the credential of the staging server is rotated');
    const proposed = await memorize(tester, 'the shared secret is in the vault', { pool: 'shared' });
    expect(proposed.outcome).toBe('PROPOSED');
    const found = idsOf(await recall(coder, 'password'));
    expect(found).not.toContain(hidden.memory.id);
    expect(found).not.toContain(proposed.memory.id);
    expect(idsOf(await recall(tester, 'password'))).toContain(hidden.memory.id);
  });

  it('content that the policy hides is not found by its meaning', async () => {
    const { memory } = await memorize(coder, 'standup is at nine', { entityId: 'masked' });
    expect(idsOf(await recall(coder, 'call'))).toContain(memory.id);
    const { policy } = await api.admin.ask<{ policy: { version: number; statements: object[] } }>(
      '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }',
    );
    const where = { entityId: { eq: 'masked' } };
    const deny = {
      id: 'mask',
      effect: 'DENY',
      roles: ['coder'],
      actions: ['READ'],
      pools: ['*'],
      where,
      fields: ['content'],
    };
    const activate = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';
    await api.admin.ask(activate, {
      input: { expectedVersion: policy.version, statements: [...policy.statements, deny] },
    });
    expect(idsOf(await recall(coder, 'call'))).not.toContain(memory.id);
    await api.admin.ask(activate, { input: { expectedVersion: policy.version + 1, statements: policy.statements } });
  });

  it('filters hold for what is found by meaning', async () => {
    const fields = {
      entityId: 'billing',
      sessionId: 'monday',
      labels: ['urgent', 'money'],
      metadata: { stage: 2 },
      importance: 'HIGH',
    };
    const { memory } = await memorize(coder, 'the bill was sent twice', { ...fields, type: 'PROCEDURAL' });
    const finds = async (rest: object) => idsOf(await recall(coder, 'payment', rest)).includes(memory.id);
    const passing = [
      { entityId: 'billing' },
      { sessionId: 'monday' },
      { types: ['PROCEDURAL'] },
      { pools: ['coder'] },
      { filter: { labels: ['money'] } },
      { filter: { metadata: { stage: { gte: 2 } } } },
      { filter: { importance: ['HIGH'] } },
      { filter: { authorId: coder.id } },
      { filter: { createdAfter: '2020-01-01T00:00:00Z' } },
    ];
    const failing = [
      { entityId: 'other' },
      { sessionId: 'tuesday' },
      { types: ['EPISODIC'] },
      { pools: ['shared'] },
      { filter: { labels: ['money', 'calm'] } },
      { filter: { metadata: { stage: { gt: 2 } } } },
      { filter: { importance: ['LOW'] } },
      { filter: { authorId: api.broker.access.orgId } },
      { filter: { createdBefore: '2020-01-01T00:00:00Z' } },
      { filter: { statuses: ['PROPOSED'] } },
      { entityId: 'billing', filter: { entityId: 'other' } },
    ];
    for (const rest of passing) expect({ rest, found: await finds(rest) }).toEqual({ rest, found: true });
    for (const rest of failing) expect({ rest, found: await finds(rest) }).toEqual({ rest, found: false });
  });

  it('a revised memory has the vector of its new content alone', async () => {
    const { memory } = await memorize(coder, 'latency doubled on monday');
    const input = { id: memory.id, expectedVersion: 1, content: 'a defect came with monday' };
    await coder.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', { input });
    const vectors = await vectorsOf(memory.id);
    expect(vectors).toHaveLength(1);
    expect(cosine(vectors[0] as number[], embed(input.content))).toBeCloseTo(1, 3);
    await coder.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
      input: { id: memory.id, expectedVersion: 2, importance: 'LOW' },
    });
    expect(await vectorsOf(memory.id)).toEqual(vectors);
  });

  it('a forgotten memory has no vector', async () => {
    const { memory } = await memorize(coder, 'the old credential was abc');
    expect(await vectorsOf(memory.id)).toHaveLength(1);
    await coder.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id: memory.id });
    expect(await vectorsOf(memory.id)).toEqual([]);
    expect(idsOf(await recall(coder, 'password'))).not.toContain(memory.id);
  });

  it('a duplicate leaves the one vector as it is, and a batch is asked for in one request, each text once', async () => {
    const asked = server.texts.length;
    const inputs = ['one spec is flaky', 'two specs are flaky', 'one spec is flaky'].map((content) => ({
      content,
      type: 'EPISODIC',
    }));
    const { memorizeMany } = await coder.ask<{ memorizeMany: { results: Payload[] } }>(
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { outcome indexed memory { id } } } }',
      { inputs },
    );
    expect(memorizeMany.results.map(({ outcome, indexed }) => `${outcome} ${indexed}`)).toEqual([
      'CREATED true',
      'CREATED true',
      'DUPLICATE true',
    ]);
    expect(await vectorsOf(memorizeMany.results[0]?.memory.id as string)).toHaveLength(1);
    expect(server.texts.slice(asked)).toEqual([...new Set(inputs.map(({ content }) => content))]);
  });
});
