import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { ChatServer } from '../support/chat-server.js';
import { learnEverything } from '../support/completion-paths.js';
import { isNative } from '../support/database.js';
import { KeptAnswers } from '../support/kept-answers.js';
import { Overheard } from '../support/overheard.js';
import { Oracle } from '../support/policy-oracle.js';
import { PolicyWorld, secrets, type PolicyMember } from '../support/policy-world.js';
import type { Statement } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';
import { ACTIONS, MASKABLE, randomPolicies } from '../support/random-policies.js';
import { PATHS } from '../support/read-paths.js';
import type { Outcome, Visit } from '../support/read-views.js';

/** Fewer on the embedded database, where one connection answers both worlds: 200 took over eleven minutes of a slow machine. */
const POLICIES = Number(process.env['POLICIES'] ?? (isNative ? 200 : 60));
const SEED = Number(process.env['POLICY_SEED'] ?? Date.now() % 1_000_000);
const TIMEOUT_MS = 60_000 + POLICIES * 9_000;

interface Tally {
  comparisons: number;
  visible: number;
  hidden: number;
  masked: number;
  whole: number;
}

/** Two, for one would wait half of the time: for the feed to look, and for its database. */
let worlds: PolicyWorld[];
/** Answers with its prompt: whatever is in it is heard. Of one world; the other has no model. */
let model: ChatServer;
let kept: KeptAnswers[];
const tallies: Record<string, Tally> = {};
const differences: unknown[] = [];

beforeAll(async () => {
  model = await ChatServer.start();
  worlds = await Promise.all([PolicyWorld.make(), PolicyWorld.make(model.env)]);
  await Promise.all(worlds.map(learnEverything));
  kept = worlds.map(({ api }) => new KeptAnswers(api.broker.terms));
}, 120_000);
afterAll(async () => {
  await Promise.all(worlds.map((world) => world.api.close()));
  await model.close();
});

function tally(path: string, { oracle }: Visit, { shown, of }: Outcome): void {
  const sum = (tallies[path] ??= { comparisons: 0, visible: 0, hidden: 0, masked: 0, whole: 0 });
  const masked = shown.filter((fact) => MASKABLE.some((field) => !oracle.shows(field, fact)));
  sum.comparisons++;
  sum.visible += shown.length;
  sum.hidden += of.length - shown.length;
  sum.masked += masked.length;
  sum.whole += shown.length - masked.length;
}

/** What may stand in no answer to one principal: the words of what it does not see, and all that is hidden of what it sees. */
function unspeakable({ world, oracle }: Visit): string[] {
  return world.facts.flatMap((fact) => {
    const isShown = (field: string) => oracle.sees(fact) && oracle.shows(field, fact);
    const isTold = isShown('content') && fact.versions.length > 0;
    const [newest, ...older] = fact.words as [string, ...string[]];
    return [
      ...(isTold ? [] : [newest, ...secrets(fact, 'review')]),
      ...(isTold && isShown('author') ? [] : [...older, ...secrets(fact, 'reason')]),
      ...MASKABLE.flatMap((field) => (isShown(field) ? [] : secrets(fact, field))),
    ];
  });
}

const WORDS = 'every word that was heard';

/** What came over the wire is of another realm than what is made here. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const closedPools = ({ world, oracle }: Visit): string[] =>
  world.pools
    .filter((pool) => !ACTIONS.some((action) => oracle.mightDo(action, pool)))
    .map(({ key }) => `"key":"${key}"`);

/** @returns what is left of the visit, for when nothing may be read any more */
async function visit(world: PolicyWorld, statements: Statement[], number: number): Promise<() => Promise<void>> {
  const member = world.members[number % world.members.length] as PolicyMember;
  const random = randomNumbers(SEED + number);
  const client = new Overheard(world.api.url, member.client.key);
  const here: Visit = { world, member, client, oracle: new Oracle(statements, member), random };
  const note = (path: string, outcomes: Outcome[]) => {
    for (const outcome of outcomes) {
      tally(path, here, outcome);
      const { heard, expected } = outcome;
      if (!isDeepStrictEqual(plain(heard), plain(expected)))
        differences.push({ number, member: member.name, path, heard, expected, statements });
    }
  };
  const readings = await Promise.all(
    Object.entries(PATHS).map(async ([path, read]) => [path, await read(here)] as const),
  );
  return async () => {
    for (const [path, read] of readings) note(path, typeof read === 'function' ? await read() : read);
    const told = [...unspeakable(here), ...closedPools(here)].filter((secret) => client.heard.includes(secret));
    note(WORDS, [{ heard: told, expected: [], shown: [], of: [] }]);
  };
}

async function readUnder(world: PolicyWorld, policies: Statement[][]): Promise<void> {
  for (const [number, statements] of policies.entries()) {
    const active = await world.activate(statements);
    const rest = await visit(world, active, number);
    // The curtain: the feed ends, and has told by then what it had to tell.
    await world.activate([]);
    await rest();
  }
}

describe(`under random policies (POLICY_SEED=${SEED}, POLICIES=${POLICIES})`, () => {
  it(
    'every way of reading shows what the model gives, and nothing else',
    async () => {
      const numRuns = Math.ceil(POLICIES / worlds.length);
      await Promise.all(
        worlds.map((world, n) =>
          readUnder(world, fc.sample(randomPolicies(world.vocabulary()), { numRuns, seed: SEED + n })),
        ),
      );
      console.log(`${POLICIES} policies, ${total('comparisons')} comparisons, ${differences.length} differences`);
      expect(differences.slice(0, 3)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it('and had a choice on each of them: some was visible and some hidden, whole and masked', () => {
    const { [WORDS]: words, ...read } = tallies;
    expect(words?.comparisons).toBeGreaterThanOrEqual(POLICIES);
    expect(Object.keys(read)).toEqual(Object.keys(PATHS));
    for (const [path, { comparisons, visible, hidden, whole, masked }] of Object.entries(read)) {
      const isPlenty = Math.min(visible, hidden, whole, masked) >= POLICIES / 60;
      expect({ path, comparisons: comparisons >= POLICIES, isPlenty }).toEqual({
        path,
        comparisons: true,
        isPlenty: true,
      });
    }
  });

  it('and long lists were looked up in the database, not sent', async () => {
    const lists = await Promise.all(
      worlds.map(async ({ api }) => (await api.broker.database.maintenance('select from policy_list')).rowCount),
    );
    expect(Math.min(...lists)).toBeGreaterThanOrEqual(Math.ceil(POLICIES / 20));
  });

  it('and kept terms answered much of it', () => {
    const answered = kept.reduce((sum, one) => sum + one.answered, 0);
    expect(answered).toBeGreaterThanOrEqual(2 * POLICIES);
  });

  const total = (of: keyof Tally) => Object.values(tallies).reduce((sum, one) => sum + one[of], 0);
});
