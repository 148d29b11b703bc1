import { badInput } from '#kernel';
import { conditionOf } from './condition.js';
import { PoolDirectory } from './pool-directory.js';
import { RolePolicy } from './role-policy.js';
import { type LiveStatement } from './rules.js';
import { type PolicyStatement } from './statement.js';
import { type PoolRef } from './vocabulary.js';

/** Each test binds a value, of which Postgres takes 65,535 in a statement, and may be asked of every memory in reach. */
export const MAX_READ_TESTS = 5_000;

const SOMEBODY = '00000000-0000-0000-0000-000000000000';
const PRIVATE: PoolRef = { id: SOMEBODY, key: `agent:${SOMEBODY}`, kind: 'AGENT', role: null, ownerId: SOMEBODY };
/** A role that no statement names: to it only those for `*` speak. */
const ANY_OTHER = '';

/**
 * The tests of a role's read filter must be few enough for one statement; those of one family are one.
 * @throws BAD_INPUT naming the role
 */
export function assertReadLimit(
  statements: readonly PolicyStatement[],
  pools: readonly PoolRef[],
  path = 'statements',
): void {
  const directory = PoolDirectory.of([...pools, PRIVATE]);
  for (const [role, live] of statementsByRole(statements)) {
    const tests = new RolePolicy(role, live, directory).readTests(PRIVATE.id, MAX_READ_TESTS);
    if (tests <= MAX_READ_TESTS) continue;
    throw badInput(
      path,
      `${role === ANY_OTHER ? 'every role' : `the role ${role}`} would have more than ${MAX_READ_TESTS} conditions tested at each read; statements that differ only in the value of one eq, in, contains or containsAny on one field count as one`,
    );
  }
}

/** Of roles to which the same statements speak one is enough. What expires later counts, too. */
function statementsByRole(statements: readonly PolicyStatement[]): Map<string, readonly LiveStatement[]> {
  const places = new Map<string, number[]>([[ANY_OTHER, []]]);
  for (const role of new Set(statements.flatMap(({ roles }) => roles))) if (role !== '*') places.set(role, []);
  statements.forEach(({ roles }, nth) => {
    for (const role of roles.includes('*') ? places.keys() : roles) places.get(role)?.push(nth);
  });
  const alike = new Map([...places].map(([role, nths]) => [nths.join(), role]));
  const live = statements.map((statement) => ({ statement, condition: conditionOf(statement.where) }));
  return new Map(
    [...alike.values()].map((role) => [role, (places.get(role) ?? []).map((nth) => live[nth] as LiveStatement)]),
  );
}
