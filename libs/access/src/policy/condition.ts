import { badInput, isId, jsonObject, type Json, type JsonObject } from '#kernel';
import {
  CATALOGUE,
  CONDITION_FIELDS,
  LIST_OPERATORS,
  type Attribute,
  type ConditionField,
  type Operator,
} from './catalogue.js';
import { type SqlParams, type SqlType } from './sql-params.js';
import { parseTime } from './times.js';
import { IMPORTANCES, type MemoryRow } from './vocabulary.js';

/** As SQL has it: a comparison with null is neither true nor false. */
export type Truth = 'TRUE' | 'FALSE' | 'UNKNOWN';

/** Text and enums as they are, ids in lower case, importance as its place, times in milliseconds. */
type Value = string | number;

interface Test {
  readonly field: ConditionField;
  readonly operator: Operator;
  /** One value, or several in ascending order for the operators on lists. */
  readonly values: readonly Value[];
  /** The same for Postgres: its identity lets one statement bind it once. */
  readonly bound: readonly Value[];
  readonly key: string;
}

/** A checked condition: all of its tests must hold, so one without tests always does. */
export interface Condition {
  readonly tests: readonly Test[];
  /** Equal for conditions that say the same. */
  readonly key: string;
}

export const ALWAYS: Condition = { tests: [], key: '' };

/**
 * Checks `{field: {operator: value}}` and compiles it; null and undefined hold always.
 * @throws BAD_INPUT naming the place under `path`, what was wrong and what is allowed.
 */
export const compileCondition = (where: unknown, path = 'where'): Condition =>
  where == null ? ALWAYS : conditionOf(jsonObject(where, path), path);

const compiled = new WeakMap<JsonObject, Condition>();

/** The same of a copy that nobody changes any more: once for each. */
export function conditionOf(where: JsonObject | null, path = 'where'): Condition {
  if (!where) return ALWAYS;
  let condition = compiled.get(where);
  if (!condition) compiled.set(where, (condition = compileObject(where, path)));
  return condition;
}

function compileObject(where: JsonObject, path: string): Condition {
  const tests = Object.entries(where).flatMap(([name, operators]) => {
    const field = fieldNamed(name, path);
    return testsOf(field, operators, `${path}.${field}`);
  });
  if (tests.length === 0) throw badInput(path, 'is empty; leave it out to mean every memory');
  tests.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { tests, key: tests.map((test) => test.key).join('&') };
}

function fieldNamed(name: string, path: string): ConditionField {
  if (Object.hasOwn(CATALOGUE, name)) return name as ConditionField;
  throw badInput(`${path}.${name.slice(0, 64)}`, `is no field to ask for; there are ${CONDITION_FIELDS.join(', ')}`);
}

function testsOf(field: ConditionField, operators: Json | undefined, path: string): Test[] {
  const attribute = CATALOGUE[field];
  const allowed = attribute.operators.join(', ');
  if (typeof operators !== 'object' || operators === null || Array.isArray(operators)) {
    throw badInput(path, `must be {operator: value}; operators here: ${allowed}`);
  }
  const entries = Object.entries(operators);
  if (entries.length === 0) throw badInput(path, `is empty; operators here: ${allowed}`);
  return entries.map(([name, value]) => {
    const operator = attribute.operators.find((candidate) => candidate === name);
    if (!operator) throw badInput(`${path}.${name.slice(0, 64)}`, `is no operator here; there are ${allowed}`);
    return testOf(field, attribute, operator, value, `${path}.${operator}`);
  });
}

function testOf(
  field: ConditionField,
  attribute: Attribute,
  operator: Operator,
  value: Json | undefined,
  path: string,
): Test {
  const values = LIST_OPERATORS.has(operator) ? valueList(attribute, value, path) : [valueOf(attribute, value, path)];
  const bound = attribute.kind === 'time' ? values.map((ms) => new Date(ms).toISOString()) : values;
  return { field, operator, values, bound, key: JSON.stringify([field, operator, ...values]) };
}

function valueList(attribute: Attribute, value: Json | undefined, path: string): Value[] {
  if (!Array.isArray(value) || value.length === 0) throw badInput(path, 'must be a list of at least one value');
  const values = value.map((item, index) => valueOf(attribute, item, `${path}.${index}`));
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
}

function valueOf(attribute: Attribute, value: Json | undefined, path: string): Value {
  if (attribute.kind === 'time') return parseTime(value, path);
  if (attribute.kind === 'importance' || attribute.kind === 'enum') {
    const place = attribute.values?.indexOf(value as string) ?? -1;
    if (place < 0) throw badInput(path, `must be one of ${attribute.values?.join(', ')}`);
    return attribute.kind === 'enum' ? (value as string) : place + 1;
  }
  if (typeof value !== 'string') throw badInput(path, 'must be text');
  if (attribute.kind !== 'uuid') return value;
  if (!isId(value)) throw badInput(path, 'must be the id of a principal');
  return value.toLowerCase();
}

/** AND as Kleene has it: one FALSE decides, else one UNKNOWN. */
export function evaluate(condition: Condition, row: MemoryRow): Truth {
  let result: Truth = 'TRUE';
  for (const test of condition.tests) {
    const truth = evaluateTest(test, row);
    if (truth === 'FALSE') return 'FALSE';
    if (truth === 'UNKNOWN') result = 'UNKNOWN';
  }
  return result;
}

function evaluateTest(test: Test, row: MemoryRow): Truth {
  const value = attributeOf(test.field, row);
  if (value === null) return 'UNKNOWN';
  return holds(test, value) ? 'TRUE' : 'FALSE';
}

/** Null for what is null, and for what was not loaded or is of another type: a deny must not be escaped by leaving it out. */
function attributeOf(field: ConditionField, row: MemoryRow): Value | readonly string[] | null {
  const value: unknown = row[field];
  switch (CATALOGUE[field].kind) {
    case 'enum':
    case 'text':
      return typeof value === 'string' ? value : null;
    case 'uuid':
      return typeof value === 'string' ? value.toLowerCase() : null;
    case 'importance':
      return IMPORTANCES.indexOf(value as (typeof IMPORTANCES)[number]) + 1 || null;
    case 'labels':
      return Array.isArray(value) ? (value as readonly string[]) : null;
    case 'time':
      return value instanceof Date && !Number.isNaN(value.getTime()) ? value.getTime() : null;
  }
}

function holds(test: Test, value: Value | readonly string[]): boolean {
  const values = test.values;
  if (typeof value === 'object') return values.some((wanted) => value.includes(wanted as string));
  const wanted = values[0] as Value;
  switch (test.operator) {
    case 'eq':
      return value === wanted;
    case 'ne':
      return value !== wanted;
    case 'in':
      return values.includes(value);
    case 'nin':
      return !values.includes(value);
    case 'lt':
      return value < wanted;
    case 'lte':
      return value <= wanted;
    case 'gt':
      return value > wanted;
    case 'gte':
      return value >= wanted;
    case 'contains':
    case 'containsAny':
      return false;
  }
}

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
  const list = () => params.add(test.bound, sqlType.endsWith('[]') ? sqlType : (`${sqlType}[]` as SqlType));
  switch (test.operator) {
    case 'in':
      return `${left} = any(${list()})`;
    case 'nin':
      return `${left} <> all(${list()})`;
    case 'contains':
    case 'containsAny':
      return `${left} && ${list()}`;
    default:
      return `${left} ${COMPARISONS[test.operator]} ${params.add(test.bound[0], sqlType)}`;
  }
}
