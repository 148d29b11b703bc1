import { badInput, isId, jsonObject, type Json, type JsonObject } from '#kernel';
import {
  CATALOGUE,
  CONDITION_FIELDS,
  LIST_OPERATORS,
  type Attribute,
  type ConditionField,
  type Operator,
} from './catalogue.js';
import { parseTime } from './times.js';
import { IMPORTANCES, type MemoryRow } from './vocabulary.js';

/** As SQL has it: a comparison with null is neither true nor false. */
export type Truth = 'TRUE' | 'FALSE' | 'UNKNOWN';

/** Text and enums as they are, ids in lower case, importance as its place, times in milliseconds. */
export type Value = string | number;

/** From so many values on, a list is not walked through for each memory. */
export const LONG_LIST = 9;

export interface Test {
  readonly field: ConditionField;
  readonly operator: Operator;
  /** One value, or several in ascending order for the operators on lists. */
  readonly values: readonly Value[];
  /** The values of a long list. */
  readonly members: ReadonlySet<Value> | null;
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
  return conditionFrom(tests);
}

export function conditionFrom(tests: readonly Test[]): Condition {
  const sorted = tests.length > 1 ? [...tests].sort((a, b) => (a.key < b.key ? -1 : 1)) : tests;
  return { tests: sorted, key: sorted.map((test) => test.key).join('&') };
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
    const at = `${path}.${operator}`;
    if (LIST_OPERATORS.has(operator)) return testFrom(field, operator, valueList(attribute, value, at));
    return testFrom(field, operator, [valueOf(attribute, value, at)]);
  });
}

/** @param given in any order, and as often as they come; one value where the operator takes one */
export function testFrom(field: ConditionField, operator: Operator, given: Iterable<Value>): Test {
  const members = new Set(given);
  const values = [...members].sort((a, b) => (a < b ? -1 : 1));
  const key = JSON.stringify([field, operator, ...values]);
  return { field, operator, values, members: values.length < LONG_LIST ? null : members, key };
}

function valueList(attribute: Attribute, value: Json | undefined, path: string): Value[] {
  if (!Array.isArray(value) || value.length === 0) throw badInput(path, 'must be a list of at least one value');
  return value.map((item, index) => valueOf(attribute, item, `${path}.${index}`));
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
export function attributeOf(field: ConditionField, row: MemoryRow): Value | readonly string[] | null {
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
  if (typeof value === 'object') return value.some((label) => lists(test, label));
  const wanted = test.values[0] as Value;
  switch (test.operator) {
    case 'eq':
      return value === wanted;
    case 'ne':
      return value !== wanted;
    case 'in':
      return lists(test, value);
    case 'nin':
      return !lists(test, value);
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

const lists = ({ members, values }: Test, value: Value): boolean =>
  members ? members.has(value) : values.includes(value);
