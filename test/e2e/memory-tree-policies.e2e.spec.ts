import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Oracle } from '../support/policy-oracle.js';
import { PolicyWorld, type PolicyMember, type StoredFact } from '../support/policy-world.js';
import type { Statement } from '../support/policy.js';
import { randomPolicies } from '../support/random-policies.js';

const POLICIES = Number(process.env['POLICIES'] ?? 60);
const SEED = Number(process.env['POLICY_SEED'] ?? Date.now() % 1_000_000);
const CALL = 'mutation ($given: JSONObject!) { callTool(name: "memory", arguments: $given) { content isError } }';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.make();
}, 120_000);
afterAll(() => world.api.close());

interface Result {
  content: string;
  isError: boolean;
}

const command = async ({ client }: PolicyMember, given: object): Promise<Result> =>
  (await client.ask<{ callTool: Result }>(CALL, { given })).callTool;

const pathOf = ({ number }: StoredFact) => `/memories/${number}.txt`;

/** A file is there where its memory is seen, and what makes it a file is shown. */
function filesOf(oracle: Oracle, owner: PolicyMember): StoredFact[] {
  return world.facts.filter(
    (fact) =>
      fact.pool.owner === owner.id &&
      fact.status === 'ACTIVE' &&
      oracle.sees(fact) &&
      oracle.shows('labels', fact) &&
      oracle.shows('metadata', fact),
  );
}

it(
  `the tree of /memories shows what the model gives, and nothing else, under random policies (POLICY_SEED=${SEED}, POLICIES=${POLICIES})`,
  async () => {
    const owners = world.members.filter(({ id }) => world.pools.some(({ owner }) => owner === id));
    const counts = { shown: 0, hidden: 0, hiddenText: 0 };
    let asked = 0;
    const policies = fc.sample(randomPolicies(world.vocabulary()), { numRuns: POLICIES, seed: SEED });
    for (const [number, statements] of policies.entries()) {
      // Or hardly one of them would read its tree.
      const reads = { effect: 'ALLOW', roles: ['*'], actions: ['READ'], pools: ['own'] } as Statement;
      const mask = { ...reads, effect: 'DENY', fields: ['content'] } as Statement;
      const active = await world.activate([reads, ...statements, ...(number % 4 === 0 ? [mask] : [])]);
      for (const owner of owners) {
        const oracle = new Oracle(active, owner);
        const files = filesOf(oracle, owner);
        const isHidden = files.some((fact) => !oracle.shows('content', fact));
        const { content } = await command(owner, { command: 'view', path: '/memories' });
        const listed = [...content.matchAll(/\t(\/memories\/\d+\.txt)$/gm)].map(([, path]) => path);
        expect({ statements, listed }).toEqual({ statements, listed: isHidden ? [] : files.map(pathOf).sort() });
        const others = world.facts.filter(({ pool }) => pool.kind === 'AGENT');
        const one = others[asked++ % others.length] as StoredFact;
        const seen = await command(owner, { command: 'view', path: pathOf(one) });
        const isFile = !isHidden && files.includes(one);
        const text = `Here's the content of ${pathOf(one)} with line numbers:\n     1\t${one.versions[0]?.content}`;
        expect({ statements, isError: seen.isError }).toEqual({ statements, isError: !isFile });
        if (isFile) expect(seen.content).toBe(text);
        else expect(one.words.filter((word) => seen.content.includes(word))).toEqual([]);
        if (isHidden) counts.hiddenText++;
        else counts.shown += files.length;
        counts.hidden += others.length - files.length;
      }
    }
    expect(Math.min(counts.shown, counts.hidden)).toBeGreaterThan(POLICIES / 2);
    expect(counts.hiddenText).toBeGreaterThan(0);
  },
  60_000 + POLICIES * 3_000,
);
