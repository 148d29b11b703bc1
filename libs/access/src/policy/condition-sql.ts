import { CATALOGUE } from './catalogue.js';
import { type Condition, type Test } from './condition.js';
import { type SqlParams, type SqlType } from './sql-params.js';

const COMPARISONS = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/** The same condition as a predicate that Postgres finds TRUE, FALSE or UNKNOWN for the same rows. */
export function conditionSql(condition: Condition, params: SqlParams, alias: string): string {
  if (condition.tests.length === 0) return 'true';
  const tests = condition.tests.map((test) => testSql(test, params, alias));
  return tests.length === 1 ? (tests[0] as string) : `(${tests.join(' and ')})`;
}

function testSql(test: Test, params: SqlParams, alias: string): string {
  const { kind, column, sqlType } = CATALOGUE[test.field];
  // Rows reach the service by the millisecond, Postgres keeps microseconds: both sides compare what the service sees.
  const left = kind === 'time' ? `date_trunc('milliseconds', ${alias}.${column})` : `${alias}.${column}`;
  const list = () => params.add(boundList(test), sqlType.endsWith('[]') ? sqlType : (`${sqlType}[]` as SqlType));
  // The planner estimates = any(…) value by value, 31 ms for 10,000 of them; a subselect is hashed and not looked into.
  const members = () => `(select unnest(${list()}))`;
  switch (test.operator) {
    case 'in':
      return test.members ? `${left} in ${members()}` : `${left} = any(${list()})`;
    case 'nin':
      return test.members ? `${left} not in ${members()}` : `${left} <> all(${list()})`;
    case 'contains':
    case 'containsAny':
      // The column is never null, and so neither is this. IS TRUE keeps the planner from a join for each memory.
      return test.members
        ? `exists (select from unnest(${left}) as label where (label in ${members()}) is true)`
        : `${left} && ${list()}`;
    default:
      return `${left} ${COMPARISONS[test.operator]} ${params.add(boundValues(test)[0], sqlType)}`;
  }
}

const boundLists = new WeakMap<Test, readonly unknown[] | string>();

/**
 * One for each test: its identity lets a statement bind it once. A long list is written as Postgres reads it here, once, and
 * not by the driver for each statement.
 */
function boundList(test: Test): readonly unknown[] | string {
  let bound = boundLists.get(test);
  if (bound === undefined) {
    const values = boundValues(test);
    boundLists.set(test, (bound = test.members ? arrayLiteral(values) : values));
  }
  return bound;
}

const boundValues = ({ field, values }: Test): readonly (string | number)[] =>
  CATALOGUE[field].kind === 'time' ? values.map((ms) => new Date(ms).toISOString()) : values;

const arrayLiteral = (values: readonly (string | number)[]): string =>
  `{${values.map((value) => `"${String(value).replace(/["\\]/g, '\\$&')}"`).join()}}`;
