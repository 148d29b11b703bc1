import { badInput } from '#kernel';
import { GraphQLScalarType, Kind, type ObjectFieldNode, type ValueNode } from 'graphql';

const ISO_WITH_OFFSET = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;

function parseDateTime(value: unknown): Date {
  const match = typeof value === 'string' ? ISO_WITH_OFFSET.exec(value) : null;
  const date = match ? new Date(value as string) : new Date(NaN);
  if (!match || !isDayOfMonth(match) || !isOfTheCalendar(date)) {
    throw badInput('value', 'must be an ISO 8601 date and time with an offset, such as 2026-03-01T09:30:00Z');
  }
  return date;
}

/** In the years 1 to 9999, which Postgres and JavaScript write alike; false for no date at all. */
function isOfTheCalendar(date: Date): boolean {
  return date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999;
}

/** JavaScript reads 30 February as 2 March. */
function isDayOfMonth([, year, month, day]: RegExpExecArray): boolean {
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}

export const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description: 'ISO 8601 date and time with an offset; always UTC on output.',
  serialize: (value) => (value as Date).toISOString(),
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : undefined),
});

function literalToJson(node: ValueNode, variables: Record<string, unknown> | null | undefined): unknown {
  switch (node.kind) {
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.NULL:
      return null;
    case Kind.LIST:
      return node.values.map((item) => literalToJson(item, variables) ?? null);
    case Kind.OBJECT:
      // A null prototype: a field named __proto__ must stay a key, to be refused as one.
      return Object.assign(
        Object.create(null),
        Object.fromEntries(node.fields.flatMap((field) => entryOf(field, variables))),
      );
    case Kind.VARIABLE:
      return variables?.[node.name.value];
  }
}

/** A variable that was not given leaves its key out, and so do all of them while the query is validated: then there are none. */
function entryOf(
  { name, value }: ObjectFieldNode,
  variables: Record<string, unknown> | null | undefined,
): [string, unknown][] {
  const json = literalToJson(value, variables);
  return json === undefined ? [] : [[name.value, json]];
}

export const JSONObject = new GraphQLScalarType({
  name: 'JSONObject',
  description: 'Any JSON object; at most 16 KB, as arguments of a tool 256 KB.',
  serialize: (value) => value,
  // Whatever takes one holds it to what it is, by the name of its field; a tool tells the model.
  parseValue: (value) => value,
  parseLiteral: (node, variables) => literalToJson(node, variables),
});
