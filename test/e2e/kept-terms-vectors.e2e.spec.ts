import type { Principal } from '#access';
import type { RecallResult } from '#memory';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { KeptAnswers } from '../support/kept-answers.js';
import { difference } from '../support/kept-difference.js';
import { randomNumbers } from '../support/random-numbers.js';

const ROUNDS = 40;
const SEED = Number(process.env['KEPT_SEED'] ?? Date.now() % 1_000_000);
const WORDS = ['deploy', 'release', 'defect', 'fault', 'postgres', 'storage', 'latency', 'secret', 'ledger', 'kettle'];
const ROLES = ['coder', 'tester'] as const;

let embedder: EmbeddingServer;
let api: TestApi;
let callers: Record<(typeof ROLES)[number], Principal>;
let answers: KeptAnswers;
beforeAll(async () => {
  embedder = await EmbeddingServer.start();
  api = await startTestApi(embedder.env);
  const signIn = async (role: string) => api.broker.credentials.authenticate((await api.agent(role)).key);
  callers = { coder: await signIn('coder'), tester: await signIn('tester') };
  answers = new KeptAnswers(api.broker.terms);
});
afterAll(async () => {
  await api.close();
  await embedder.close();
});

const random = randomNumbers(SEED);
const sentence = () => Array.from({ length: 6 }, () => random.one(WORDS)).join(' ');
const look = (who: Principal, query: string) => api.broker.recall.look(who, { query, limit: 100 });

/** The same broker, as if it kept nothing. */
async function bySql(who: Principal, query: string): Promise<RecallResult> {
  const { terms } = api.broker;
  const { texts } = terms;
  terms.texts = () => undefined;
  try {
    return await look(who, query);
  } finally {
    terms.texts = texts;
  }
}

it(`recall by words and vectors from kept terms answers what the database answers, written to or not (KEPT_SEED=${SEED})`, async () => {
  let near = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (random.one([true, false])) {
      const pool = random.one(['coder', 'shared']);
      await api.broker.memorize.memorizeMany(callers.coder, [
        { type: 'EPISODIC', content: `${sentence()} ${round}`, pool },
        { type: 'DECLARATIVE', content: `${sentence()} ${round}`, sessionId: random.one(['a', 'b']) },
      ]);
    }
    for (const role of ROLES) {
      const query = sentence();
      const kept = await look(callers[role], query);
      await api.broker.terms.settled();
      const differs = difference(kept, await bySql(callers[role], query));
      expect({ round, role, query, differs }).toEqual({ round, role, query });
      near += kept.hits.filter(({ explanation }) => explanation.vectorRank !== null).length;
    }
  }
  expect(near).toBeGreaterThan(ROUNDS);
  expect(answers.foreseen).toBeGreaterThan(ROUNDS / 4);
  expect(answers.mistaken).toBeGreaterThan(ROUNDS / 10);
});
