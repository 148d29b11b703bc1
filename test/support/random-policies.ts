import fc from 'fast-check';
import type { Statement } from './policy.js';

/** Random policies as an admin would send them: every action, operator, selector and mask, over words that meet often. */
export interface Vocabulary {
  /** Without the role that keeps ADMINISTER: nothing here takes it away. */
  roles: readonly string[];
  poolKeys: readonly string[];
  /** Of each field of a condition, values that some memories have. */
  values: Readonly<Record<string, readonly string[]>>;
}

export const MASKABLE = ['author', 'content', 'entityId', 'labels', 'metadata', 'sessionId', 'speaker'] as const;
export const ACTIONS = ['READ', 'WRITE', 'PROPOSE', 'REVISE', 'FORGET', 'REVIEW', 'CONSOLIDATE', 'ADMINISTER'] as const;
const EQUALITY = ['eq', 'ne', 'in', 'nin'];
const ORDER = [...EQUALITY, 'lt', 'lte', 'gt', 'gte'];
export const OPERATORS: Record<string, readonly string[]> = {
  type: EQUALITY,
  status: EQUALITY,
  entityId: EQUALITY,
  sessionId: EQUALITY,
  speaker: EQUALITY,
  authorId: EQUALITY,
  authorRole: EQUALITY,
  importance: ORDER,
  labels: ['contains', 'containsAny'],
  createdAt: ORDER,
  validFrom: ORDER,
};
/** By chance alone hardly anybody may read what they may consolidate. */
const TOGETHER = [['READ'], ['READ', 'REVIEW'], ['READ', 'CONSOLIDATE'], ['READ', 'PROPOSE', 'WRITE'], ['PROPOSE']];
const ON_LISTS = ['in', 'nin', 'containsAny'];
/** Beside values that some memories have: so many that the database keeps the list, and no statement sends it. */
const OTHERS = Array.from({ length: 250 }, (_, nth) => `nobody-${nth}`);
const TEXTS = ['entityId', 'sessionId', 'speaker', 'labels'];

const some = <T>(values: readonly T[], atMost: number) =>
  fc.subarray([...values], { minLength: 1, maxLength: Math.min(atMost, values.length) });
/** The value in so many of ten cases, else null. */
const inTen = <T>(cases: number, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: cases, arbitrary }, { weight: 10 - cases, arbitrary: fc.constant(null) });

const listOf = (field: string, few: fc.Arbitrary<string[]>) =>
  TEXTS.includes(field)
    ? fc.oneof(
        few,
        few.map((values) => [...values, ...OTHERS]),
      )
    : few;

function conditions({ values }: Vocabulary): fc.Arbitrary<Record<string, unknown>> {
  const testsOf = (field: string) =>
    some(OPERATORS[field] as readonly string[], 2).chain((operators) => {
      const one = fc.constantFrom(...(values[field] as readonly string[]));
      const valueOf = (operator: string) =>
        ON_LISTS.includes(operator) ? listOf(field, fc.uniqueArray(one, { minLength: 1, maxLength: 4 })) : one;
      return fc.record(Object.fromEntries(operators.map((operator) => [operator, valueOf(operator)])));
    });
  return some(Object.keys(OPERATORS), 2).chain((fields) =>
    fc.record(Object.fromEntries(fields.map((field) => [field, testsOf(field)]))),
  );
}

function statementOf(effect: Statement['effect'], words: Vocabulary): fc.Arbitrary<Statement> {
  const selectors = ['own', 'own', '*', 'kind:SHARED', 'kind:ROLE', 'kind:AGENT', ...words.poolKeys];
  const parts = {
    effect: fc.constant(effect),
    roles: fc.oneof({ weight: 2, arbitrary: some(words.roles, 3) }, { weight: 1, arbitrary: fc.constant(['*']) }),
    actions: fc.oneof(...TOGETHER.map((all) => ({ weight: 3, arbitrary: fc.constant(all) })), {
      weight: 5,
      arbitrary: some(ACTIONS, 4),
    }),
    pools: some(selectors, effect === 'ALLOW' ? 5 : 3),
    // A deny without a condition leaves nothing to compare, and neither does one of a whole pool under many.
    where: inTen(effect === 'ALLOW' ? 5 : 9, conditions(words)),
    fields: inTen(5, some(MASKABLE, 6)),
    expiresAt: inTen(3, fc.constantFrom('2020-01-01T00:00:00.000Z', '2120-01-01T00:00:00.000Z')),
  };
  return fc.record(parts).map((statement) => sensible(statement as Statement));
}

/** What could not be activated is left out: a condition on ADMINISTER, a denial of it to all, fields of what is not read. */
function sensible({ actions, ...statement }: Statement): Statement {
  const mayName = !statement.where && (statement.effect === 'ALLOW' || !statement.roles.includes('*'));
  const kept = actions.filter((action) => action !== 'ADMINISTER' || mayName);
  const fields = kept.includes('READ') ? statement.fields : null;
  return { ...statement, actions: kept.length > 0 ? kept : ['PROPOSE'], fields };
}

export function randomPolicies(words: Vocabulary): fc.Arbitrary<Statement[]> {
  const allow = statementOf('ALLOW', words);
  const deny = statementOf('DENY', words);
  return fc
    .tuple(
      fc.array(allow, { minLength: 3, maxLength: 9, size: 'max' }),
      fc.array(deny, { maxLength: 4, size: 'max' }),
      fc.nat(),
    )
    .map(([allows, denies, place]) => allows.toSpliced(place % (allows.length + 1), 0, ...denies));
}
