import { LIST_OPERATORS, type ConditionField, type Operator } from './catalogue.js';
import { conditionFrom, testFrom, type Condition, type Test, type Value } from './condition.js';

/**
 * Conditions that differ in the values of one test alone are a family: one of them holds exactly where their one common
 * condition does, with `in` for `eq`, or the latest of the times before which it holds. That is so in all three values: a
 * null makes each of them UNKNOWN, and the common one too. Without this, 10,000 statements about a project each were 10,000
 * rules to walk through, and 10,000 alternatives in the WHERE.
 */
const COMMON: Partial<Record<Operator, Operator>> = {
  eq: 'in',
  in: 'in',
  contains: 'containsAny',
  containsAny: 'containsAny',
  lt: 'lt',
  lte: 'lte',
  gt: 'gt',
  gte: 'gte',
};

/** Fewer conditions of which one holds where, and in the way that, one of the given ones does. Their order does not matter. */
export function mergeConditions(conditions: readonly Condition[]): readonly Condition[] {
  if (conditions.length < 2) return conditions;
  let merged = [...new Map(conditions.map((condition) => [condition.key, condition])).values()];
  const places = new Set(merged.flatMap(({ tests }) => tests.flatMap(placeOf)));
  while (places.size > 0) {
    // The test that most differ in goes first: another one might leave a family for each of its values.
    const tries = [...places].sort().map((place) => ({ place, conditions: mergeAt(place, merged) }));
    const best = tries.reduce((a, b) => (b.conditions.length < a.conditions.length ? b : a));
    if (best.conditions.length === merged.length) break;
    merged = best.conditions;
    places.delete(best.place);
  }
  return merged;
}

/** What tests of one place become when they are merged; undefined for those that never are. */
export const commonOperator = ({ operator }: Test): Operator | undefined => COMMON[operator];

/** Where a test stands in a condition: tests of one place can be those that a family differs in. */
const placeOf = ({ field, operator }: Test): string | [] => {
  const common = COMMON[operator];
  return common ? `${field} ${common}` : [];
};

function mergeAt(place: string, conditions: readonly Condition[]): Condition[] {
  const families = new Map<string, Condition[]>();
  for (const condition of conditions) {
    const at = condition.tests.findIndex((test) => placeOf(test) === place);
    const key = at < 0 ? condition.key : `${place}: ${keyWithout(condition, at)}`;
    const family = families.get(key);
    if (family) family.push(condition);
    else families.set(key, [condition]);
  }
  return [...families.values()].map((family) =>
    family.length === 1 ? (family[0] as Condition) : common(family, place),
  );
}

const keyWithout = ({ tests }: Condition, at: number): string =>
  tests.length === 1 ? '' : tests.flatMap(({ key }, nth) => (nth === at ? [] : key)).join('&');

function common(family: readonly Condition[], place: string): Condition {
  const [first] = family as [Condition];
  const at = first.tests.findIndex((test) => placeOf(test) === place);
  const values = family.flatMap(({ tests }) => tests.find((test) => placeOf(test) === place)?.values ?? []);
  const { field, operator } = first.tests[at] as Test;
  return conditionFrom(first.tests.with(at, widest(field, COMMON[operator] as Operator, values)));
}

function widest(field: ConditionField, operator: Operator, values: readonly Value[]): Test {
  if (LIST_OPERATORS.has(operator)) return testFrom(field, operator, values);
  const later = operator === 'lt' || operator === 'lte';
  return testFrom(field, operator, [values.reduce((a, b) => (a < b === later ? b : a))]);
}

/** Where `a` is TRUE, `b` is, too: each test of b is one of a, or lists all that one of a lists. */
export const includes = (b: Condition, a: Condition): boolean =>
  b.tests.every((wide) => a.tests.some((narrow) => wide.key === narrow.key || listsAllOf(wide, narrow)));

function listsAllOf(wide: Test, narrow: Test): boolean {
  const place = placeOf(wide);
  if (!LIST_OPERATORS.has(COMMON[wide.operator] as Operator) || place !== placeOf(narrow)) return false;
  const { members, values } = wide;
  return narrow.values.every((value) => (members ? members.has(value) : values.includes(value)));
}
