import { describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import { parse } from 'yaml';
import { parsePolicyCases } from './cases/policy-cases.js';
import { runPolicyCases } from './cases/run-cases.js';
import { defaultPolicy } from './default-policy.js';
import { type PolicyStatement } from './statement.js';
import { ACTIONS } from './vocabulary.js';

const text = fs.readFileSync(new URL('default-policy.cases.yaml', import.meta.url), 'utf8');
const document = parsePolicyCases(parse(text), () => {
  throw new Error('the example is of the default policy');
});
const failed = (statements: readonly PolicyStatement[]) => runPolicyCases({ ...document, statements }).failed;

interface Mutant {
  name: string;
  statements: PolicyStatement[];
}

/** The default policy with one statement in another form, or without it. */
function mutant(name: string, of: PolicyStatement, changed?: Partial<PolicyStatement>): Mutant {
  const statements = defaultPolicy().flatMap((statement) => {
    if (statement.id !== of.id) return [statement];
    return changed ? [{ ...statement, ...changed }] : [];
  });
  return { name: `${of.id} ${name}`, statements };
}

const mutants = defaultPolicy().flatMap((statement) => {
  const { actions, pools } = statement;
  const fewer = <T>(list: readonly T[], item: T) => list.filter((other) => other !== item);
  // On pools other than all, ADMINISTER gives nothing.
  const more = ACTIONS.filter(
    (action) => !actions.includes(action) && (action !== 'ADMINISTER' || pools.includes('*')),
  );
  return [
    mutant('gone', statement),
    ...actions.map((action) => mutant(`without ${action}`, statement, { actions: fewer(actions, action) })),
    ...pools.map((pool) => mutant(`without ${pool}`, statement, { pools: fewer(pools, pool) })),
    ...more.map((action) => mutant(`with ${action}`, statement, { actions: [...actions, action] })),
    mutant('for every role', statement, { roles: ['*'] }),
    mutant('in every pool', statement, { pools: [...pools, '*'] }),
  ].filter(({ name }) => name !== 'admin-organisation in every pool');
});

describe('the cases beside the default policy', () => {
  it('hold', () => {
    const report = runPolicyCases(document);
    expect(report.cases.flatMap(({ checks }) => checks.filter(({ passed }) => !passed))).toEqual([]);
    expect(report.checks).toBeGreaterThan(500);
  });

  it.each(mutants)('fail with $name', ({ statements }) => {
    expect(failed(statements)).toBeGreaterThan(0);
  });

  it('ask everybody about every memory', () => {
    const pairs = new Set(
      document.cases.flatMap(({ principals, memories }) =>
        principals.flatMap((principal) => memories.map((memory) => `${principal} ${memory}`)),
      ),
    );
    const all = [...document.cast.principals.keys()].flatMap((principal) =>
      [...document.memories.keys()].map((memory) => `${principal} ${memory}`),
    );
    expect(all.filter((pair) => !pairs.has(pair))).toEqual([]);
  });
});
