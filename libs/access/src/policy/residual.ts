import { evaluate, type Condition } from './condition.js';
import { conditionSql } from './condition-sql.js';
import { mergeConditions } from './families.js';
import { Inclusion } from './inclusion.js';
import { type Rule } from './rules.js';
import { allOf, anyOf, negate, type Predicate } from './sql-logic.js';
import { type MemoryRow } from './vocabulary.js';

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
  const denied = new Inclusion(denies);
  const allows = conditionsOf(rules.filter((rule) => rule.effect === 'ALLOW')).filter((allow) => !denied.has(allow));
  if (allows.length === 0) return null;
  const widest = allows.filter((allow) => allow.tests.length === 0);
  const kept = widest.length > 0 ? widest : allows;
  return { allows: kept, denies, key: `${keysOf(kept)} - ${keysOf(denies)}` };
}

export const holdsAlways = (residual: Residual | null): boolean =>
  residual !== null && residual.denies.length === 0 && residual.allows[0]?.tests.length === 0;

/** Of rules of which one must apply: what rules of other pools kept apart may be a family in this one. */
export const conditionsOf = (rules: readonly Rule[]): readonly Condition[] =>
  mergeConditions(rules.map((rule) => rule.condition));

export const keysOf = (conditions: readonly Condition[]): string =>
  JSON.stringify(conditions.map((condition) => condition.key).sort());

export function residualPredicate(residual: Residual | null): Predicate {
  return residual ? allOf([anyCondition(residual.allows), negate(anyCondition(residual.denies))]) : false;
}

export const anyCondition = (conditions: readonly Condition[]): Predicate => anyOf(conditions.map(conditionPredicate));

const conditionPredicate = (condition: Condition): Predicate =>
  condition.tests.length === 0 || ((params, alias) => conditionSql(condition, params, alias));

/** What `residualPredicate` says in SQL. */
export const residualHolds = (residual: Residual | null, row: MemoryRow): boolean =>
  residual !== null && isAny(residual.allows, row) && isNone(residual.denies, row);

export const isAny = (conditions: readonly Condition[], row: MemoryRow): boolean =>
  conditions.some((condition) => evaluate(condition, row) === 'TRUE');

/** Each of them FALSE: what nobody can tell hides, too. */
export const isNone = (conditions: readonly Condition[], row: MemoryRow): boolean =>
  conditions.every((condition) => evaluate(condition, row) === 'FALSE');
