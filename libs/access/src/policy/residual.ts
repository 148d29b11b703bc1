import { conditionSql, type Condition } from './condition.js';
import { type Rule } from './rules.js';
import { allOf, anyOf, negate, type Predicate } from './sql-logic.js';

/** What is left of the rules of one action in one pool: some allow must be TRUE, and every deny FALSE. */
export interface Residual {
  readonly allows: readonly Condition[];
  readonly denies: readonly Condition[];
  /** Equal for residuals that say the same. */
  readonly key: string;
}

/** Null when no row of the pool can be allowed. */
export function residualOf(rules: readonly Rule[]): Residual | null {
  const denies = conditionsOf(rules.filter((rule) => rule.effect === 'DENY' && !rule.fields));
  const allows = conditionsOf(rules.filter((rule) => rule.effect === 'ALLOW')).filter(
    (allow) => !denies.some((deny) => implies(allow, deny)),
  );
  if (allows.length === 0) return null;
  const widest = allows.filter((allow) => allow.tests.length === 0);
  const kept = widest.length > 0 ? widest : allows;
  return { allows: kept, denies, key: `${keysOf(kept)} - ${keysOf(denies)}` };
}

export const holdsAlways = (residual: Residual | null): boolean =>
  residual !== null && residual.denies.length === 0 && residual.allows[0]?.tests.length === 0;

export const conditionsOf = (rules: readonly Rule[]): Condition[] => rules.map((rule) => rule.condition);

export const keysOf = (conditions: readonly Condition[]): string =>
  JSON.stringify(conditions.map((condition) => condition.key).sort());

/** Where `a` is TRUE, `b` is: every test of b is one of a. */
function implies(a: Condition, b: Condition): boolean {
  return b.tests.every((wanted) => a.tests.some((test) => test.key === wanted.key));
}

export function residualPredicate(residual: Residual | null): Predicate {
  return residual ? allOf([anyCondition(residual.allows), negate(anyCondition(residual.denies))]) : false;
}

export const anyCondition = (conditions: readonly Condition[]): Predicate => anyOf(conditions.map(conditionPredicate));

const conditionPredicate = (condition: Condition): Predicate =>
  condition.tests.length === 0 || ((params, alias) => conditionSql(condition, params, alias));
