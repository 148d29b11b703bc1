import { badInput, jsonObject, type Json, type JsonObject } from '#kernel';
import type { SqlParams } from '#access';

const OPERATORS = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'contains', 'exists'] as const;
type Operator = (typeof OPERATORS)[number];
const MAX_CONDITIONS = 50;

export type MetadataCondition =
  | { kind: 'and' | 'or'; conditions: MetadataCondition[] }
  | { kind: 'not'; condition: MetadataCondition }
  | { kind: 'compare'; key: string; operator: Operator; value: Json };

/**
 * {key: value} or {key: {operator: value, …}}, with and / or (lists) and not. All must hold.
 * @throws BAD_INPUT naming the place, such as `filter.metadata.stage.like`.
 */
export function parseMetadataFilter(input: unknown, field: string): MetadataCondition {
  const parsed = parseObject(jsonObject(input, field), field);
  if (count(parsed) > MAX_CONDITIONS) throw badInput(field, `has more than ${MAX_CONDITIONS} conditions`);
  return parsed;
}

function parseObject(object: JsonObject, field: string): MetadataCondition {
  const conditions = Object.entries(object).flatMap(([key, value]) => parseEntry(key, value, `${field}.${key}`));
  return { kind: 'and', conditions };
}

function parseEntry(key: string, value: Json, field: string): MetadataCondition[] {
  if (key === 'and' || key === 'or') {
    if (!Array.isArray(value) || value.length === 0) throw badInput(field, 'must be a list of filters');
    return [
      {
        kind: key,
        conditions: value.map((item, index) => parseObject(asObject(item, `${field}.${index}`), `${field}.${index}`)),
      },
    ];
  }
  if (key === 'not') return [{ kind: 'not', condition: parseObject(asObject(value, field), field) }];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ kind: 'compare', key, operator: 'eq', value }];
  const entries = Object.entries(value);
  if (entries.length === 0) throw badInput(field, 'needs a value or an operator');
  return entries.map(([operator, operand]) => ({
    kind: 'compare',
    key,
    operator: checkOperator(operator, operand, field),
    value: operand,
  }));
}

function asObject(value: Json, field: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput(field, 'must be a filter');
  return value;
}

function checkOperator(operator: string, operand: Json, field: string): Operator {
  if (!(OPERATORS as readonly string[]).includes(operator)) {
    throw badInput(`${field}.${operator}`, `is not an operator; there are ${OPERATORS.join(', ')}`);
  }
  const isScalar = typeof operand === 'string' || typeof operand === 'number';
  if ((operator === 'in' || operator === 'nin') && !Array.isArray(operand))
    throw badInput(`${field}.${operator}`, 'must be a list');
  if (['gt', 'gte', 'lt', 'lte'].includes(operator) && !isScalar)
    throw badInput(`${field}.${operator}`, 'must be a number or a text');
  if (operator === 'contains' && typeof operand === 'object')
    throw badInput(`${field}.contains`, 'must be a number, a text, or true or false');
  if (operator === 'exists' && typeof operand !== 'boolean') throw badInput(`${field}.exists`, 'must be true or false');
  return operator as Operator;
}

function count(condition: MetadataCondition): number {
  if (condition.kind === 'compare') return 1;
  if (condition.kind === 'not') return 1 + count(condition.condition);
  return condition.conditions.reduce((sum, one) => sum + count(one), 1);
}

/** Two-valued: a key that is not there matches only {exists: false}. @param metadata the SQL expression of the jsonb */
export function metadataSql(condition: MetadataCondition, metadata: string, params: SqlParams): string {
  if (condition.kind === 'not') return `not (${metadataSql(condition.condition, metadata, params)})`;
  if (condition.kind === 'compare') return compareSql(condition, metadata, params);
  if (condition.conditions.length === 0) return condition.kind === 'and' ? 'true' : 'false';
  return `(${condition.conditions.map((one) => metadataSql(one, metadata, params)).join(` ${condition.kind} `)})`;
}

const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function compareSql(
  { key, operator, value }: { key: string; operator: Operator; value: Json },
  metadata: string,
  params: SqlParams,
): string {
  const found = `(${metadata} -> ${params.add(key, 'text')})`;
  const json = (operand: Json) => params.add(JSON.stringify(operand), 'jsonb');
  const holds = (sql: string) => `coalesce(${sql}, false)`;
  switch (operator) {
    case 'exists':
      return value ? `${found} is not null` : `${found} is null`;
    case 'eq':
      return holds(`${found} = ${json(value)}`);
    case 'ne':
      return holds(`${found} <> ${json(value)}`);
    case 'in':
      return holds(`${found} = any(${anyOf(value as Json[], params)})`);
    case 'nin':
      // Of an empty list it holds for what is not there, too.
      return holds(`${found} is not null and ${found} <> all(${anyOf(value as Json[], params)})`);
    case 'contains':
      return holds(`case jsonb_typeof(${found})
        when 'array' then exists (select from jsonb_array_elements(${found}) element where element = ${json(value)})
        when 'string' then strpos(${found} #>> '{}', ${params.add(String(value), 'text')}) > 0 else false end`);
    default:
      return typeof value === 'number'
        ? // As jsonb, which keeps every digit: a double that Postgres makes a numeric of is cut to fifteen.
          holds(
            `case when jsonb_typeof(${found}) = 'number' then (${found})::numeric ${COMPARISONS[operator]} ${json(value)}::numeric end`,
          )
        : // By code points, whatever language the database sorts by.
          holds(
            `case when jsonb_typeof(${found}) = 'string' then (${found} #>> '{}') collate "C" ${COMPARISONS[operator]} ${params.add(value, 'text')} end`,
          );
  }
}

function anyOf(values: Json[], params: SqlParams): string {
  return `array(select jsonb_array_elements(${params.add(JSON.stringify(values), 'jsonb')}))`;
}
