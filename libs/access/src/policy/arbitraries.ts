import fc from 'fast-check';
import { CATALOGUE, LIST_OPERATORS, type ConditionField, type Operator } from './catalogue.js';
import { type PolicyStatement } from './statement.js';
import { AGENTS, NOW, POOLS } from './testing.js';
import {
  ACTIONS,
  IMPORTANCES,
  MASKABLE_FIELDS,
  MEMORY_STATUSES,
  MEMORY_TYPES,
  type PrincipalRef,
} from './vocabulary.js';

/** Only for specs: random conditions, policies and rows. */

const TIMES = [
  '2025-06-01T00:00:00.000Z',
  '2025-06-01T00:00:00.001Z',
  '2025-12-31T23:59:59.999Z',
  '1969-12-31T23:59:59.999Z',
];
const TEXTS = ['alpha', 'Alpha', "o'neil", 'x\\y', '', 'ä', '😀', '__proto__'];
const LABELS = ['a', 'b', 'a,b', '{a}', 'NULL', '"', '__proto__'];
const PRINCIPALS: PrincipalRef[] = [
  { id: AGENTS.coder, role: 'coder' },
  { id: AGENTS.tester, role: 'tester' },
  { id: AGENTS.reviewer, role: 'coder' },
];

export const some = <T>(values: readonly T[], least = 1) => fc.subarray([...values], { minLength: least });
const authors = Object.values(AGENTS);
const ROLES = ['coder', 'tester', 'planner'];

const VALUES: Record<ConditionField, fc.Arbitrary<unknown>> = {
  type: fc.constantFrom(...MEMORY_TYPES),
  status: fc.constantFrom(...MEMORY_STATUSES),
  entityId: fc.constantFrom(...TEXTS),
  sessionId: fc.constantFrom(...TEXTS),
  speaker: fc.constantFrom(...TEXTS),
  authorId: fc.constantFrom(...authors, AGENTS.coder.toUpperCase()),
  authorRole: fc.constantFrom(...ROLES),
  importance: fc.constantFrom(...IMPORTANCES),
  labels: fc.constantFrom(...LABELS),
  createdAt: fc.constantFrom(...TIMES, '2025-06-01T02:00:00+02:00', '2025-06-01T00:00:00.001999Z'),
  validFrom: fc.constantFrom(...TIMES),
};

const UNKNOWN_TEXTS = Array.from({ length: 12 }, (_, nth) => `nobody's "${nth}" \\`);
const UNKNOWN_TIMES = Array.from({ length: 12 }, (_, nth) => new Date(nth * 1e9 - 3).toISOString());

/** Values that no row has, of fields that may be compared with more than a few. */
const UNKNOWN: Partial<Record<ConditionField, readonly string[]>> = {
  entityId: UNKNOWN_TEXTS,
  sessionId: UNKNOWN_TEXTS,
  speaker: UNKNOWN_TEXTS,
  authorId: UNKNOWN_TEXTS.map((_, nth) => `ffffffff-0000-4000-8000-${String(nth).padStart(12, '0')}`),
  authorRole: UNKNOWN_TEXTS,
  labels: UNKNOWN_TEXTS,
  createdAt: UNKNOWN_TIMES,
  validFrom: UNKNOWN_TIMES,
};

/** A few values, now and then with so many others that the list is a long one. */
const lists = (field: ConditionField) =>
  fc
    .tuple(fc.array(VALUES[field], { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([few, isLong]) => [...few, ...(isLong ? (UNKNOWN[field] ?? []) : [])]);

const operatorOf = (field: ConditionField, operator: Operator) =>
  LIST_OPERATORS.has(operator) ? lists(field) : VALUES[field];

/** The value in so many of ten cases, else null. */
const inTen = <T>(cases: number, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: cases, arbitrary }, { weight: 10 - cases, arbitrary: fc.constant(null) });

const oneOrTwo = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1, maxLength: 2 });

const testsOf = (field: ConditionField) =>
  oneOrTwo(CATALOGUE[field].operators).chain((operators) =>
    fc.record(Object.fromEntries(operators.map((name) => [name, operatorOf(field, name)]))),
  );

export const conditions = oneOrTwo(Object.keys(CATALOGUE) as ConditionField[]).chain((fields) =>
  fc.record(Object.fromEntries(fields.map((field) => [field, testsOf(field)]))),
);

/** A few that come back, so that an allow and a deny speak of the same. */
const fewConditions = fc.constantFrom(
  { type: { eq: 'EPISODIC' } },
  { type: { eq: 'EPISODIC' }, speaker: { eq: 'alpha' } },
  { speaker: { eq: 'alpha' } },
  { speaker: { ne: 'alpha' } },
);

const SELECTORS = ['*', 'own', 'kind:SHARED', 'kind:ROLE', 'kind:AGENT', ...POOLS.map(({ key }) => key), 'gone'];

/** Most denies have a condition: one without leaves nothing to compare. */
export const statementOf = (effect: 'ALLOW' | 'DENY'): fc.Arbitrary<PolicyStatement> =>
  fc
    .record({
      id: fc.uuid(),
      effect: fc.constant(effect),
      roles: some(['coder', 'tester', '*']),
      actions: some(ACTIONS),
      pools: some(SELECTORS),
      where: inTen(effect === 'DENY' ? 9 : 5, fc.oneof(conditions, fewConditions)),
      fields: inTen(4, some(MASKABLE_FIELDS)),
      expiresAt: inTen(3, fc.constantFrom(new Date('2025-12-31'), NOW, new Date('2026-01-02'))),
      reason: fc.constant(null),
    })
    .map((statement) => ({
      ...statement,
      where: statement.where as PolicyStatement['where'],
      fields: statement.actions.includes('READ') ? statement.fields : null,
    }));

const apart = fc.array(
  fc.oneof({ weight: 2, arbitrary: statementOf('ALLOW') }, { weight: 1, arbitrary: statementOf('DENY') }),
  { maxLength: 9 },
);

const FAMILY_FIELDS = ['type', 'entityId', 'authorId', 'importance', 'labels', 'createdAt', 'validFrom'] as const;

/** The tests that members of a family differ in. */
const memberTests = (field: (typeof FAMILY_FIELDS)[number]) =>
  fc.constantFrom(...CATALOGUE[field].operators).chain((operator) =>
    fc.array(
      operatorOf(field, operator).map((given) => ({ [operator]: given })),
      { minLength: 2, maxLength: 5 },
    ),
  );

/** Statements alike but for one test; some stand in other pools, have other tests beside, or hold for one action more. */
const families = fc
  .tuple(fc.constantFrom('ALLOW' as const, 'DENY' as const), fc.constantFrom(...FAMILY_FIELDS))
  .chain(([effect, field]) =>
    fc.tuple(statementOf(effect), fc.constant(field), memberTests(field), fc.array(some(SELECTORS))),
  )
  .map(([statement, field, tests, pools]) =>
    tests.map((test, nth) => ({
      ...statement,
      id: `${statement.id}-${nth}`,
      pools: pools[nth] ?? statement.pools,
      where: { ...(nth < 3 ? {} : statement.where), [field]: test } as PolicyStatement['where'],
    })),
  );

export const policies: fc.Arbitrary<PolicyStatement[]> = fc
  .tuple(apart, fc.array(families, { maxLength: 2 }))
  .chain(([statements, others]) =>
    fc.tuple(fc.constant([...statements, ...others.flat()] as PolicyStatement[]), fc.boolean()),
  )
  .map(([statements, turned]) => (turned ? statements.toReversed() : statements));
export const principals = fc.constantFrom(...PRINCIPALS);

export const rowValues = fc.record({
  pool_id: fc.constantFrom(...POOLS.map(({ id }) => id)),
  type: VALUES.type,
  status: fc.oneof({ weight: 2, arbitrary: fc.constant('ACTIVE') }, { weight: 3, arbitrary: VALUES.status }),
  entity_id: inTen(7, VALUES.entityId),
  session_id: inTen(7, VALUES.sessionId),
  speaker: inTen(7, VALUES.speaker),
  author_id: inTen(9, fc.constantFrom(...authors)),
  author_role: inTen(8, VALUES.authorRole),
  importance: fc.constantFrom(1, 2, 3),
  labels: some(LABELS, 0),
  // Postgres keeps microseconds, which the service never sees.
  created_at: fc.constantFrom(
    ...TIMES,
    '2025-06-01T00:00:00.000999Z',
    '2025-06-01T00:00:00.001001Z',
    '1969-12-31T23:59:59.999999Z',
  ),
  valid_from: inTen(7, fc.constantFrom(...TIMES, '2025-06-01T00:00:00.000001Z')),
});
