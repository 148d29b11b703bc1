import type { Principal } from '#access';
import type { MemorizeInput } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseFilter } from '../../libs/memory/src/read/memory-filter.js';
import { atMoment } from '../../libs/memory/src/read/moment.js';
import { analyse } from '../../libs/memory/src/recall/analysis.js';
import type { LexicalSearch } from '../../libs/memory/src/recall/recall.repository.js';
import type { Passage } from '../../libs/memory/src/recall/recipe.js';
import { storedTexts, type Texts } from '../../libs/memory/src/recall/texts.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { deny, editPolicy } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';

const BATCH = 100;
const WORDS = ['ledger', 'harbour', 'crane', 'invoice', 'lamp', 'kettle', 'billing', 'schema', 'teapot', 'anchor'];
const QUESTIONS = [
  'anchor',
  'ledger',
  'the teapot and the schema',
  'harbour ledger crane',
  WORDS.join(' '),
  'nothing 17',
];

let api: TestApi;
let coder: Principal;
let planner: Principal;
/** Reads the coder's pool, and by a policy not all of it. */
let tester: Principal;
beforeAll(async () => {
  api = await startTestApi();
  const signIn = async (role: string) => api.broker.credentials.authenticate((await api.agent(role)).key);
  [coder, planner, tester] = [await signIn('coder'), await signIn('planner'), await signIn('tester')];
});
afterAll(() => api.close());

const random = randomNumbers(4);
/** The first of the words are the frequent ones; some ask. */
const sentence = () =>
  Array.from({ length: 3 + random.below(9) }, () => WORDS[random.below(1 + random.below(WORDS.length))]).join(' ') +
  (random.below(3) === 0 ? '?' : '');

async function storeMany(who: Principal, count: number, inputOf: (n: number) => Omit<MemorizeInput, 'type'>) {
  for (let from = 0; from < count; from += BATCH) {
    const inputs = Array.from({ length: BATCH }, (_, n) => ({ type: 'EPISODIC' as const, ...inputOf(from + n) }));
    expect((await api.broker.memorize.memorizeMany(who, inputs)).failures).toEqual([]);
  }
}

/** What memory and the database answer: the same question, in one unit of work. */
async function both<Answer>(who: Principal, pool: string, ask: (texts: Texts) => Promise<Answer>) {
  await api.broker.recall.look(who, { query: 'anything', pools: [pool] });
  await api.broker.terms.settled();
  return api.broker.access.read(who, async (unit, grants) => {
    const now = new Date();
    const ids = grants.pools.filter(({ key }) => key === pool).map(({ id }) => id);
    const scope = { orgId: who.orgId, filter: grants.readFilter.narrow(ids), now, space: null };
    const filter = atMoment(parseFilter(null, 'filter', grants), {}, 'filter', now);
    const kept = await api.broker.terms.texts(unit, scope, filter, { vector: null, inHaste: true })?.current;
    if (!kept) throw new Error('the pool is not kept');
    return { kept: await ask(kept), stored: await ask(storedTexts(unit, scope, filter, null)) };
  });
}

const shownOf = ({ id, poolId, sessionId, speaker, day, length, traits, wanted }: Passage) =>
  JSON.stringify({ id, poolId, sessionId, speaker, day, length, traits, wanted });

/** In no order: neither way has one. */
const told = ({ passages, terms, counts, lengths, documents, documentFrequencies, cut }: LexicalSearch) => ({
  passages: passages
    .map((passage, row) => {
      const held = terms.map((term, at) => `${term} ${counts[row * terms.length + at]}`);
      return `${shownOf(passage)} ${lengths[row]} ${held.join()}`;
    })
    .sort(),
  documents,
  frequencies: documentFrequencies && [...documentFrequencies].filter(([, count]) => count > 0).sort(),
  cut,
});

async function expectSameFound(who: Principal, pool: string, atLeast: number): Promise<void> {
  for (const question of QUESTIONS) {
    const { kept, stored } = await both(who, pool, async (texts) => told(await texts.holding(analyse(question))));
    expect({ question, ...kept }).toEqual({ question, ...stored });
    expect(kept.documents).toBeGreaterThan(atLeast);
  }
}

describe('kept terms answer what the database answers', () => {
  it('of a session too long to be read whole, to whoever sees all of it and whoever does not', async () => {
    await storeMany(coder, 400, (n) => ({
      content: `${sentence()} ${n}`,
      sessionId: 'long',
      speaker: n % 3 === 0 ? 'ada' : 'grace',
      labels: n % 7 === 0 ? ['red'] : n % 5 === 0 ? ['blue'] : [],
      validFrom: n % 11 === 0 ? new Date('2100-01-01') : null,
    }));
    const hides = [
      deny('tester', ['READ'], ['coder'], { where: { labels: { contains: 'red' } } }),
      deny('tester', ['READ'], ['coder'], { where: { labels: { contains: 'blue' } }, fields: ['sessionId'] }),
      deny('tester', ['READ'], ['coder'], {
        where: { validFrom: { gt: '2099-01-01T00:00:00Z' } },
        fields: ['speaker'],
      }),
    ];
    await editPolicy(api.admin, (statements) => [...statements, ...hides]);
    for (const who of [coder, tester]) {
      await expectSameFound(who, 'coder', 300);
      const { kept, stored } = await both(who, 'coder', async (texts) => {
        const { passages } = await texts.holding(analyse('anchor'));
        const anchors = passages
          .filter(({ sessionId }) => sessionId !== null)
          .map((one) => ({ ...one, sessionId: 'long' }));
        const windows = await texts.around(anchors);
        return {
          whole: (await texts.ofSessions(anchors.slice(0, 1))).flat().map(shownOf),
          windows: windows.map((window) => window.map(shownOf).sort().join('\n')).sort(),
        };
      });
      expect(kept).toEqual(stored);
      expect(kept.whole).toHaveLength(120);
      expect(kept.windows.length).toBeGreaterThan(10);
    }
  });

  it('of a pool so large that the rarest words of the question must do', async () => {
    await storeMany(planner, 4_400, (n) => ({ content: `${sentence()} ${n}`, pool: 'planner' }));
    await expectSameFound(planner, 'planner', 4_000);
    const { kept } = await both(planner, 'planner', async (texts) =>
      told(await texts.holding(analyse(WORDS.join(' ')))),
    );
    expect(kept.frequencies).toHaveLength(WORDS.length);
    expect(kept.passages.length).toBeLessThan(3_000);
  }, 120_000);
});
