import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { withoutKept } from '../support/kept-answers.js';
import { allow, deny, editPolicy } from '../support/policy.js';

let server: EmbeddingServer;
let api: TestApi;
let planner: TestClient & { id: string };
let tester: TestClient & { id: string };
beforeAll(async () => {
  server = await EmbeddingServer.start();
  api = await startTestApi(server.env);
  planner = await api.agent('planner');
  tester = await api.agent('tester');
});
afterAll(async () => {
  await api.close();
  await server.close();
});

async function newPool(key: string): Promise<string> {
  const { createPool } = await api.admin.ask<{ createPool: { id: string } }>(
    'mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }',
    { input: { key, kind: 'SHARED' } },
  );
  const more = [allow('planner', ['READ', 'WRITE'], [key]), allow('tester', ['READ', 'PROPOSE'], [key])];
  await editPolicy(api.admin, (statements) => [...statements, ...more]);
  return createPool.id;
}

async function store(who: TestClient, pool: string, contents: readonly string[], rest: object = {}): Promise<void> {
  const text = `mutation ($inputs: [MemorizeInput!]!) {
    memorizeMany(inputs: $inputs) { results { outcome } failures { message } } }`;
  for (let from = 0; from < contents.length; from += 100) {
    const batch = contents.slice(from, from + 100);
    const inputs = batch.map((content) => ({ content, type: 'EPISODIC', pool, ...rest }));
    const { memorizeMany } = await who.ask<{ memorizeMany: { results: object[] } }>(text, { inputs });
    expect(memorizeMany.results).toHaveLength(batch.length);
  }
}

// Without the score: to have been recalled before counts in it.
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { degraded hits { memory { content }
  explanation { lexical meaning neighbours answer session speaker date cue textRank vectorRank } } } }`;

interface Recalled {
  degraded: string[];
  hits: {
    memory: { content: string };
    explanation: { answer: number; vectorRank: number | null; textRank: number | null };
  }[];
}
const recall = async (pool: string, query: string, rest: object = {}): Promise<Recalled> =>
  (await planner.ask<{ recall: Recalled }>(RECALL, { input: { query, pools: [pool], limit: 20, ...rest } })).recall;

/** Each to the last digit as it was before; of one another they differ in the seventh. */
async function recallBothWays(pool: string, query: string, rest: object = {}) {
  const stored = await withoutKept(api.broker, () => recall(pool, query, rest));
  await recall(pool, query, rest);
  await api.broker.terms.settled();
  return { stored, kept: await recall(pool, query, rest) };
}

const numbered = (count: number, text: string) => Array.from({ length: count }, (_, nth) => `${text} ${nth}`);

/** The more other words, the farther from the release. */
const nearerAndFarther = (count: number) =>
  Array.from({ length: count }, (_, nth) => `release ${nth} ${'and so on '.repeat(1 + (nth % 60))}`.trim());

describe('what others hold, however much of it', () => {
  it('near the question leaves the meaning of the rest as it was', async () => {
    const pool = 'proposed-in';
    await newPool(pool);
    await store(planner, pool, nearerAndFarther(300));
    const before = await recallBothWays(pool, 'deploy the release');
    for (const { hits } of Object.values(before)) {
      expect(hits).toHaveLength(20);
      expect(hits.some(({ explanation }) => explanation.vectorRank !== null)).toBe(true);
    }
    // So few that the rest of the nearest might do, then so many that they are all of the nearest.
    for (const count of [100, 230]) {
      await store(tester, pool, numbered(count, `deploy the release of ${count}`));
      expect(await recallBothWays(pool, 'deploy the release')).toEqual(before);
    }
    const none = { degraded: [], hits: [] };
    const ofNobody = await recallBothWays(pool, 'deploy the release', { entityId: 'nobody' });
    expect(ofNobody).toEqual({ stored: none, kept: none });
  });

  it('between a question and its answer, or asked before what is no answer, leaves them as they were', async () => {
    const coder = await api.agent('coder');
    const talk = async (pool: string, hidden: boolean) => {
      await newPool(pool);
      const more = [
        allow('coder', ['READ', 'WRITE'], [pool]),
        deny('planner', ['READ'], [pool], { where: { labels: { contains: 'secret' } } }),
      ];
      await editPolicy(api.admin, (statements) => [...statements, ...more]);
      const say = (who: TestClient, speaker: string, content: string, rest: object = {}) =>
        store(who, pool, [content], { speaker, sessionId: 'talk', ...rest });
      const aside = (content: string) => hidden && say(coder, 'Eve', content, { labels: ['secret'] });
      await say(planner, 'Ada', 'Where is the anchor kept?');
      await aside('She must not hear of the anchor');
      await say(planner, 'Bob', 'In the boat house, as always');
      await aside('Is the anchor kept there?');
      await say(planner, 'Ada', 'Thank you, see you later');
    };
    await talk('talk-alone', false);
    await talk('talk-overheard', true);
    const alone = await recall('talk-alone', 'where is the anchor kept');
    expect(alone.hits.map(({ explanation: { answer } }) => answer > 0).filter(Boolean)).toHaveLength(1);
    expect(await recall('talk-overheard', 'where is the anchor kept')).toEqual(alone);
  });

  it('of a word, in more memories than are looked at, leaves what holds it too', async () => {
    const pool = 'part-hidden';
    const poolId = await newPool(pool);
    const hidden = deny('planner', ['READ'], [pool], { where: { labels: { contains: 'secret' } } });
    await editPolicy(api.admin, (statements) => [...statements, hidden]);
    await store(planner, pool, ['The zebra and the heron', 'A zebra by the water', 'Nothing of the kind']);
    const before = await recall(pool, 'zebra heron');
    expect(before.hits.length).toBeGreaterThanOrEqual(2);
    await api.broker.database.maintenance(
      `insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance,
          labels, author_id, changed_by, created_at, updated_at, analysis)
        select $1, gen_random_uuid(), $2::uuid, 'EPISODIC', 'ACTIVE', 'zebra ' || n, decode(md5(n::text), 'hex'),
          '''zebra'':1', 1, 2, '{secret}', $3, $3, now(), now(), 2
        from generate_series(1, 21000) n`,
      [api.broker.access.orgId, poolId, tester.id],
    );
    expect(await recall(pool, 'zebra heron')).toEqual(before);
  }, 120_000);
});

describe('a filter in a large pool', () => {
  it('finds by a word that is common there and rare among what is asked for', async () => {
    const pool = 'filtered';
    await newPool(pool);
    await store(planner, pool, numbered(4_100, 'coffee at the desk of number'));
    await store(planner, pool, ['a unicorn']);
    await store(planner, pool, ['coffee without milk'], { entityId: 'user:42' });
    const { hits } = await recall(pool, 'coffee unicorn', { entityId: 'user:42' });
    expect(hits.map(({ memory }) => memory.content)).toEqual(['coffee without milk']);
    expect(hits[0]?.explanation.textRank).toBe(1);
  }, 120_000);
});
