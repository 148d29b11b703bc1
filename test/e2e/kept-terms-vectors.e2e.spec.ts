import type { Principal } from '#access';
import type { MemorizeInput, RecallHit, RecallInput, RecallResult } from '#memory';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApi, type TestApi } from '../support/api.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { KeptAnswers } from '../support/kept-answers.js';
import { difference } from '../support/kept-difference.js';
import { allow, deny, editPolicy } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';

const ROUNDS = 40;
const SEED = Number(process.env['KEPT_SEED'] ?? Date.now() % 1_000_000);
const WORDS = ['deploy', 'release', 'defect', 'fault', 'postgres', 'storage', 'latency', 'secret', 'ledger', 'kettle'];
const LABELS = ['red', 'green', 'blue'];
/** More than the vectors that are looked at, of which the filters and the policy leave too few. */
const BEGINNING = 240;
const SOON_MS = 300;
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
  const hidden = { where: { labels: { contains: 'blue' } } };
  await editPolicy(api.admin, (statements) => [
    ...statements,
    allow('coder', ['WRITE'], ['shared']),
    deny('tester', ['READ'], ['shared'], hidden),
  ]);
  for (let from = 0; from < BEGINNING; from += 60)
    await store(
      'shared',
      Array.from({ length: 60 }, (_, nth) => ({
        ...memory(from + nth),
        expiresAt: nth % 4 === 0 ? new Date(Date.now() + SOON_MS) : null,
      })),
    );
  // None may expire between two answers that are compared.
  await pause(SOON_MS);
  answers = new KeptAnswers(api.broker.terms);
});
afterAll(async () => {
  await api.close();
  await embedder.close();
});

const random = randomNumbers(SEED);
const sentence = () => Array.from({ length: 6 }, () => random.one(WORDS)).join(' ');
const memory = (number: number) => ({
  type: random.one(['EPISODIC', 'DECLARATIVE'] as const),
  content: `${sentence()} ${number}`,
  labels: [random.one(LABELS)],
  sessionId: random.one([null, null, 'a', 'b']),
});
async function store(pool: 'coder' | 'shared', memories: MemorizeInput[]): Promise<void> {
  const { failures } = await api.broker.memorize.memorizeMany(
    callers.coder,
    memories.map((one) => ({ ...one, pool })),
  );
  expect(failures).toEqual([]);
}
const look = (who: Principal, input: RecallInput) => api.broker.recall.look(who, { ...input, limit: 100 });

/** Cosines are rounded otherwise here than by Postgres, in the seventh digit: what is as near stands in one order or the other. */
const AS_GOOD = 2e-6;

/** In the order of their ids where they are as good, and without the place among what is as near. */
function withoutTies(result: RecallResult): RecallResult {
  const hits = [...result.hits];
  for (let at = 1; at < hits.length; at++)
    for (let to = at; to > 0 && isAfter(hits[to - 1] as RecallHit, hits[to] as RecallHit); to--)
      hits.splice(to - 1, 2, hits[to] as RecallHit, hits[to - 1] as RecallHit);
  const told = hits.map((hit, place) => {
    const { meaning } = hit.explanation;
    return { ...hit, rank: place + 1, explanation: { ...hit.explanation, vectorRank: meaning > AS_GOOD ? 1 : null } };
  });
  return { ...result, hits: told, context: result.context.split('\n').sort().join('\n') };
}
const isAfter = (one: RecallHit, next: RecallHit) => one.score - next.score < AS_GOOD && one.memory.id > next.memory.id;

/** By their places among the nearest: none is followed by a nearer one. */
function meaningsInOrder({ hits }: RecallResult): number[] {
  const near = hits.map((hit) => hit.explanation).filter(({ vectorRank }) => vectorRank !== null);
  return near.sort((a, b) => (a.vectorRank ?? 0) - (b.vectorRank ?? 0)).map(({ meaning }) => meaning);
}

/** The same broker, as if it kept nothing. */
async function bySql(who: Principal, input: RecallInput): Promise<RecallResult> {
  const { terms } = api.broker;
  const { texts } = terms;
  terms.texts = () => undefined;
  try {
    return await look(who, input);
  } finally {
    terms.texts = texts;
  }
}

it(`recall by words and vectors from kept terms answers what the database answers, written to or not (KEPT_SEED=${SEED})`, async () => {
  let near = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (random.one([true, false]))
      await store(random.one(['coder', 'shared'] as const), [
        memory(BEGINNING + 2 * round),
        memory(BEGINNING + 2 * round + 1),
      ]);
    for (const role of ROLES) {
      const input = { query: sentence(), filter: random.one([null, null, { labels: [random.one(LABELS)] }]) };
      const kept = await look(callers[role], input);
      await api.broker.terms.settled();
      const differs = difference(withoutTies(kept), withoutTies(await bySql(callers[role], input)));
      expect({ round, role, input, differs }).toEqual({ round, role, input });
      const meanings = meaningsInOrder(kept);
      expect(meanings).toEqual([...meanings].sort((a, b) => b - a));
      near += meanings.length;
    }
  }
  expect(near).toBeGreaterThan(ROUNDS);
  expect(answers.foreseen).toBeGreaterThan(ROUNDS / 4);
  expect(answers.mistaken).toBeGreaterThan(ROUNDS / 10);
});
