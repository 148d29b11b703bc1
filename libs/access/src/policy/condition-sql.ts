import { CATALOGUE, type ConditionField } from './catalogue.js';
import { type Condition, type Test } from './condition.js';
import { type KnownRows } from './known-rows.js';
import { type SqlParams, type SqlType } from './sql-params.js';
import { keptAs, valuesAsKeys } from './value-list.js';

const COMPARISONS = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/** The same condition as a predicate that Postgres finds TRUE, FALSE or UNKNOWN for the same rows. */
export function conditionSql(condition: Condition, params: SqlParams, alias: string): string {
  if (condition.tests.length === 0) return 'true';
  const tests = condition.tests.map((test) => testSql(test, params, alias));
  return tests.length === 1 ? (tests[0] as string) : `(${tests.join(' and ')})`;
}

function testSql(test: Test, params: SqlParams, alias: string): string {
  if (!test.members) return shortTestSql(test, params, alias);
  if (params.rows) return shortTestSql(params.rows.shorten(test), params, alias);
  return longListSql(test, params, alias);
}

function shortTestSql(test: Test, params: SqlParams, alias: string): string {
  const { sqlType } = CATALOGUE[test.field];
  const left = attributeSql(test.field, alias);
  const list = () => params.add(boundList(test), listType(test.field));
  switch (test.operator) {
    case 'in':
      return `${left} = any(${list()})`;
    case 'nin':
      return `${left} <> all(${list()})`;
    case 'contains':
    case 'containsAny':
      return `${left} && ${list()}`;
    default:
      return `${left} ${COMPARISONS[test.operator]} ${params.add(boundValues(test)[0], sqlType)}`;
  }
}

/**
 * True of a row that holds nothing in the field but what the known rows do, or null. Any other may hold what is in a list and
 * was not named, and a deny would not be met.
 */
export function holdsNothingElse(field: ConditionField, known: KnownRows, params: SqlParams, alias: string): string {
  const left = attributeSql(field, alias);
  const values = params.add(boundValues({ field, values: known.valuesOf(field) }), listType(field));
  if (CATALOGUE[field].kind === 'labels') return `${left} <@ ${values}`;
  return `(${left} is null or ${left} = any(${values}))`;
}

/** Rows reach the service by the millisecond, Postgres keeps microseconds: both sides compare what the service sees. */
function attributeSql(field: ConditionField, alias: string): string {
  const { kind, column } = CATALOGUE[field];
  return kind === 'time' ? `date_trunc('milliseconds', ${alias}.${column})` : `${alias}.${column}`;
}

function listType(field: ConditionField): SqlType {
  const { sqlType } = CATALOGUE[field];
  return sqlType.endsWith('[]') ? sqlType : (`${sqlType}[]` as SqlType);
}

/**
 * An array would be walked through for each memory, or hashed for each statement: of 10,000 values that took 3 ms, and to plan
 * it 31. The functions are those of the operators ? and ?|, which the planner takes for true of one row in a hundred.
 */
function longListSql(test: Test, params: SqlParams, alias: string): string {
  const { kind } = CATALOGUE[test.field];
  const [list, left] = [listSql(test, params), attributeSql(test.field, alias)];
  if (kind === 'labels') return `jsonb_exists_any(${list}, ${left})`;
  const key = kind === 'time' ? `trunc(extract(epoch from ${left}) * 1000)::text` : `${left}::text`;
  return `${test.operator === 'nin' ? 'not ' : ''}jsonb_exists(${list}, ${key})`;
}

function listSql(test: Test, params: SqlParams): string {
  const list = keptAs(test);
  if (!list) return params.add(valuesAsKeys(test), 'jsonb');
  const [orgId, hash] = [params.add(list.orgId, 'uuid'), params.add(list.hash, 'bytea')];
  // What #> answers is in memory, fetched once a statement: the column itself would be fetched again for each row, and a part
  // of it would be copied.
  return `(select l.members #> '{}' from policy_list l where l.org_id = ${orgId} and l.hash = ${hash})`;
}

const boundLists = new WeakMap<Test, readonly unknown[]>();

/** One for each test: its identity lets a statement bind it once. */
function boundList(test: Test): readonly unknown[] {
  let bound = boundLists.get(test);
  if (bound === undefined) boundLists.set(test, (bound = boundValues(test)));
  return bound;
}

const boundValues = ({ field, values }: Pick<Test, 'field' | 'values'>): readonly (string | number)[] =>
  CATALOGUE[field].kind === 'time' ? values.map((ms) => new Date(ms).toISOString()) : values;
