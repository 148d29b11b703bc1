import type { Principal } from '#access';
import type { MemorizeInput, RecallInput, RecallResult } from '#memory';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { insertVectors } from '../../libs/memory/src/memory-index.repository.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { embed, EmbeddingServer } from '../support/embedding-server.js';
import { Comparisons, KeptAnswers, withoutKept } from '../support/kept-answers.js';
import { difference, MOST, withoutTies } from '../support/kept-difference.js';
import { allow, deny, editPolicy } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';

const ROUNDS = 60;
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
  embedder.refuses = 'xylophone';
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
const known: string[] = [];
async function store(pool: 'coder' | 'shared', memories: MemorizeInput[]): Promise<string[]> {
  const { failures, results } = await api.broker.memorize.memorizeMany(
    callers.coder,
    memories.map((one) => ({ ...one, pool })),
  );
  expect(failures).toEqual([]);
  const ids = results.map((result) => result.memory.id);
  known.push(...ids);
  return ids;
}
const poolOf = () => random.one(['coder', 'shared'] as const);
/** Of those that do not expire. */
const any = () => random.one(known.slice(BEGINNING));

/** Everything that gives a memory another vector, none, or one that comes later. */
const OPERATIONS: Record<string, (number: number) => Promise<unknown>> = {
  'nothing is written': () => Promise.resolve(),
  'two are stored': (number) => store(poolOf(), [memory(number), memory(number + 1)]),
  'one is revised': async (number) => {
    const id = any();
    const [row] = await sql<{ version: number }>('select version from memory where memory_id = $1', [id]);
    const change = random.one([{ content: `${sentence()} ${number}` }, { labels: [random.one(LABELS)] }]);
    const input = { id, expectedVersion: row?.version ?? 1, ...change };
    return api.broker.revise.revise(callers.coder, input).catch(() => undefined);
  },
  'one is forgotten': () => api.broker.forget.forget(callers.coder, any()).catch(() => undefined),
  'one is stored whose vector cannot be made': async (number) => {
    late.push(...(await store(poolOf(), [{ ...memory(number), content: `${sentence()} xylophone ${number}` }])));
  },
  'its vector is made': async () => {
    const { access } = api.broker;
    const [space] = await sql<{ id: string }>('select space_id as id from embedding_space', []);
    const text = `select m.memory_id as "memoryId", m.pool_id as "poolId", m.content from memory m
      where m.memory_id = any($1::uuid[]) and m.content is not null`;
    const vectors = (await sql<{ memoryId: string; poolId: string; content: string }>(text, [late.splice(0)])).map(
      ({ content, ...rest }) => ({ ...rest, spaceId: space?.id as string, embedding: embed(content) }),
    );
    await access.system('test', (unit) => insertVectors(unit, access.orgId, vectors));
  },
};
const late: string[] = [];
const sql = async <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
  (await api.broker.database.maintenance<Row & Record<string, unknown>>(text, values)).rows;
const look = (who: Principal, input: RecallInput) => api.broker.recall.look(who, { ...input, limit: MOST });

/** By their places among the nearest: none is followed by a nearer one. */
function meaningsInOrder({ hits }: RecallResult): number[] {
  const near = hits.map((hit) => hit.explanation).filter(({ vectorRank }) => vectorRank !== null);
  return near.sort((a, b) => (a.vectorRank ?? 0) - (b.vectorRank ?? 0)).map(({ meaning }) => meaning);
}

const comparisons = new Comparisons();
afterAll(() => comparisons.end());

it('vectors come with what is written: even where the policy decides row by row they are compared in memory at once', async () => {
  const ask = async () => {
    const before = comparisons.count;
    await look(callers.tester, { query: 'kettle ledger' });
    await api.broker.terms.settled();
    return comparisons.count - before;
  };
  for (let nth = 0; nth < 2; nth++) await ask();
  const inAdvance = await ask();
  expect(inAdvance).toBeGreaterThan(0);
  await store('shared', [memory(-1), memory(-2)]);
  // And once more, with what was written.
  expect(await ask()).toBe(2 * inAdvance);
});

it(`recall by words and vectors from kept terms answers what the database answers, written to or not (KEPT_SEED=${SEED})`, async () => {
  let near = 0;
  const comparedFor = { coder: 0, tester: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const operation = round === 0 ? 'two are stored' : random.one(Object.keys(OPERATIONS));
    await OPERATIONS[operation]?.(BEGINNING + 2 * round);
    for (const role of ROLES) {
      const input = { query: sentence(), filter: random.one([null, null, { labels: [random.one(LABELS)] }]) };
      const before = comparisons.count;
      const kept = await look(callers[role], input);
      if (comparisons.count > before) comparedFor[role]++;
      await api.broker.terms.settled();
      const differs = difference(
        withoutTies(kept),
        withoutTies(await withoutKept(api.broker, () => look(callers[role], input))),
      );
      expect({ round, operation, role, input, differs }).toEqual({ round, operation, role, input });
      const meanings = meaningsInOrder(kept);
      expect(meanings).toEqual([...meanings].sort((a, b) => b - a));
      near += meanings.length;
    }
  }
  expect(near).toBeGreaterThan(ROUNDS);
  expect(Math.min(comparedFor.coder, comparedFor.tester)).toBeGreaterThan(ROUNDS / 2);
  expect(answers.foreseen).toBeGreaterThan(ROUNDS / 4);
  expect(answers.mistaken).toBeGreaterThan(ROUNDS / 10);
});
