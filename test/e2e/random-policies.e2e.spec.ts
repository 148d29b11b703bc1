import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { Overheard } from '../support/overheard.js';
import { Oracle } from '../support/policy-oracle.js';
import { PolicyWorld, secrets, type PolicyMember } from '../support/policy-world.js';
import type { Statement } from '../support/policy.js';
import { randomNumbers } from '../support/random-numbers.js';
import { ACTIONS, MASKABLE, randomPolicies } from '../support/random-policies.js';
import { PATHS } from '../support/read-paths.js';
import type { Outcome, Visit } from '../support/read-views.js';

const POLICIES = Number(process.env['POLICIES'] ?? 200);
const SEED = Number(process.env['POLICY_SEED'] ?? Date.now() % 1_000_000);

interface Tally {
  comparisons: number;
  visible: number;
  hidden: number;
  masked: number;
  whole: number;
}

let world: PolicyWorld;
let policies: Statement[][];
const tallies: Record<string, Tally> = {};
const differences: unknown[] = [];

beforeAll(async () => {
  world = await PolicyWorld.make();
  policies = fc.sample(randomPolicies(world.vocabulary()), { numRuns: POLICIES, seed: SEED });
}, 120_000);
afterAll(() => world.api.close());

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
function unspeakable({ oracle }: Visit): string[] {
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

const closedPools = ({ oracle }: Visit): string[] =>
  world.pools
    .filter((pool) => !ACTIONS.some((action) => oracle.mightDo(action, pool)))
    .map(({ key }) => `"key":"${key}"`);

/** @returns the visit, once nothing more may be read */
async function visit(member: PolicyMember, statements: Statement[], number: number): Promise<() => Promise<void>> {
  const random = randomNumbers(SEED + number);
  const client = new Overheard(world.api.url, member.client.key);
  const here: Visit = { world, member, client, oracle: new Oracle(statements, member), random };
  const note = (path: string, outcomes: Outcome[]) => {
    for (const outcome of outcomes) {
      tally(path, here, outcome);
      const { heard, expected } = outcome;
      if (!isDeepStrictEqual(plain(heard), plain(expected)))
        differences.push({ number, member, path, heard, expected, statements });
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

describe(`under random policies (POLICY_SEED=${SEED}, POLICIES=${POLICIES})`, () => {
  it('every way of reading shows what the model gives, and nothing else', async () => {
    for (const [number, statements] of policies.entries()) {
      const active = await world.activate(statements);
      const rest = await visit(world.members[number % world.members.length] as PolicyMember, active, number);
      // The curtain: the feed ends, and has told by then what it had to tell.
      await world.activate([]);
      await rest();
    }
    expect(differences.slice(0, 3)).toEqual([]);
  }, 600_000);

  it('and had a choice: much was visible and much hidden, masked and whole, on each of them', () => {
    for (const [path, sum] of Object.entries(tallies)) {
      if (path === WORDS) continue;
      expect({ path, ...least(sum) }).toEqual({ path, comparisons: true, visible: true, hidden: true });
    }
    const all = Object.values(tallies);
    const total = (of: keyof Tally) => all.reduce((sum, one) => sum + one[of], 0);
    expect(total('masked')).toBeGreaterThan(POLICIES);
    expect(total('whole')).toBeGreaterThan(POLICIES);
    expect(total('comparisons')).toBeGreaterThan(POLICIES * Object.keys(PATHS).length);
  });

  const least = ({ comparisons, visible, hidden }: Tally) => {
    return { comparisons: comparisons >= POLICIES, visible: visible > 0, hidden: hidden > 0 };
  };
});
