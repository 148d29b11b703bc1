import type { Principal } from '#access';
import type { RecallInput, RecallService } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, startTestApi, type TestApi } from '../support/api.js';
import { KeptAnswers, recallOver } from '../support/kept-answers.js';
import { difference } from '../support/kept-difference.js';
import { KeptOperations, ROLES } from '../support/kept-operations.js';
import { randomNumbers } from '../support/random-numbers.js';

const OPERATIONS = 120;
const SEED = Number(process.env['KEPT_SEED'] ?? Date.now() % 1_000_000);
const QUESTIONS = 2;
/** All that can be found: of more the database reads the best by their words alone, and kept terms those that boosts bring forward. */
const MOST = 100;

let api: TestApi;
let principals: Record<(typeof ROLES)[number] | 'admin', Principal>;
/** Keeps nothing. */
let bySql: RecallService;
beforeAll(async () => {
  api = await startTestApi();
  const signIn = (key: string) => api.broker.credentials.authenticate(key);
  const agents = await Promise.all(
    ROLES.map(async (role) => [role, await signIn((await api.agent(role)).key)] as const),
  );
  principals = { ...Object.fromEntries(agents), admin: await signIn(ADMIN_KEY) } as typeof principals;
  bySql = recallOver(api.broker);
});
afterAll(() => api.close());

describe(`recall from kept terms, over a random history (KEPT_SEED=${SEED})`, () => {
  const random = randomNumbers(SEED);
  const callers = ['coder', 'tester', 'reviewer'] as const;
  const found = { comparisons: 0, withHits: 0 };
  let answers: KeptAnswers;
  let operations: KeptOperations;

  const differs = async (caller: (typeof callers)[number], input: RecallInput): Promise<object | undefined> => {
    const kept = await api.broker.recall.look(principals[caller], input);
    const stored = await bySql.look(principals[caller], input);
    found.comparisons++;
    if (kept.hits.length > 0) found.withHits++;
    const what = difference(kept, stored);
    return what && { caller, input, ...what };
  };

  it(
    'answers after every operation what the database answers: ids in their order, scores, reasons, repeats and context',
    async () => {
      answers = new KeptAnswers(api.broker.terms);
      const meanwhile = () => api.broker.recall.look(principals.reviewer, { query: operations.question() });
      operations = new KeptOperations(api, principals, random, meanwhile);
      await operations.begin();
      await meanwhile();
      for (let i = 0; i < OPERATIONS; i++) {
        const done = await operations.one();
        await api.broker.terms.settled();
        for (const caller of callers)
          for (let q = 0; q < QUESTIONS; q++) {
            const asked = { query: operations.question(), filter: operations.filter() };
            const input = { ...asked, limit: MOST, perPoolLimit: random.one([MOST, MOST, 3]) };
            expect({ i, done, differs: await differs(caller, input) }).toEqual({ i, done });
          }
      }
    },
    60_000 + OPERATIONS * 2_000,
  );

  it('and kept terms answered most of it, most of the answers had hits, and everything happened', () => {
    const { comparisons, withHits } = found;
    expect(comparisons).toBe(OPERATIONS * callers.length * QUESTIONS);
    expect(answers.answered).toBeGreaterThan(0.8 * comparisons);
    expect(answers.foreseen).toBeGreaterThan(0.4 * comparisons);
    expect(answers.mistaken).toBeGreaterThan(0.2 * OPERATIONS);
    expect(withHits).toBeGreaterThan(0.8 * comparisons);
    expect(Object.keys(operations.done).length).toBeGreaterThan(10);
  });
});
