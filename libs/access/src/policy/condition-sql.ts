import { CATALOGUE, type ConditionField } from './catalogue.js';
import { type Condition, type Test } from './condition.js';
import { type Predicate } from './sql-logic.js';
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
  const { sqlType } = CATALOGUE[test.field];
  if (test.members) return longListSql(test, params, alias);
  const left = attributeSql(test.field, alias);
  const list = () => params.add(boundList(test), sqlType.endsWith('[]') ? sqlType : (`${sqlType}[]` as SqlType));
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

/** Rows reach the service by the millisecond, Postgres keeps microseconds: both sides compare what the service sees. */
function attributeSql(field: ConditionField, alias: string): string {
  const { kind, column } = CATALOGUE[field];
  return kind === 'time' ? `date_trunc('milliseconds', ${alias}.${column})` : `${alias}.${column}`;
}

/**
 * An array would be walked through for each memory, or hashed for each statement: of 10,000 values that took 3 ms, and to plan
 * it 31. The functions are those of the operators ? and ?|, which the planner takes for true of one row in a hundred.
 */
function longListSql(test: Test, params: SqlParams, alias: string): string {
  const list = listSql(test, params);
  if (CATALOGUE[test.field].kind === 'labels') return `jsonb_exists_any(${list}, ${attributeSql(test.field, alias)})`;
  return `${test.operator === 'nin' ? 'not ' : ''}jsonb_exists(${list}, ${keySql(test.field, alias)})`;
}

/** The attribute as a key of a list. */
function keySql(field: ConditionField, alias: string): string {
  const left = attributeSql(field, alias);
  return CATALOGUE[field].kind === 'time' ? `trunc(extract(epoch from ${left}) * 1000)::text` : `${left}::text`;
}

/** True of rows in which the field is null, or holds one of the keys; of labels, nothing but them. */
export function holdsNothingElse(field: ConditionField, keys: Readonly<Record<string, true>>): Predicate {
  return (params, alias) => {
    const held =
      CATALOGUE[field].kind === 'labels'
        ? `${attributeSql(field, alias)} <@ ${params.add(Object.keys(keys), 'text[]')}`
        : `jsonb_exists(${params.add(keys, 'jsonb')}, ${keySql(field, alias)})`;
    return `(${held}) is not false`;
  };
}

function listSql(test: Test, params: SqlParams): string {
  if (test.named) return params.add(test.named, 'jsonb');
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

const boundValues = ({ field, values }: Test): readonly (string | number)[] =>
  CATALOGUE[field].kind === 'time' ? values.map((ms) => new Date(ms).toISOString()) : values;
