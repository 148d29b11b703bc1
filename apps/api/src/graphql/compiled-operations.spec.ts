import 'reflect-metadata';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  execute,
  getIntrospectionQuery,
  parse,
  validate,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import { answerAtRandom, type Calls } from '../../../../test/support/random-answers.js';
import { randomNumbers } from '../../../../test/support/random-numbers.js';
import { RandomOperations, type RandomOperation } from '../../../../test/support/random-operations.js';
import { COMPILED_AT_SIGHT, CompiledOperations, isCompilable } from './compiled-operations.js';
import { formatError } from './errors.js';
import { PlainFields } from './plain-fields.js';
import { buildApiSchema } from './schema.js';

const OPERATIONS = Number(process.env['OPERATIONS'] ?? 250);
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

let schema: GraphQLSchema;

beforeAll(async () => {
  schema = await buildApiSchema();
  const resolved = {
    Query: Object.keys(schema.getQueryType()?.getFields() ?? {}),
    Mutation: Object.keys(schema.getMutationType()?.getFields() ?? {}),
    Memory: ['author', 'supersededBy', 'derivedFrom', 'history'],
    MemoryConnection: ['totalCount'],
    MemoryReview: ['reviewer'],
    Pool: ['allowedActions', 'memoryCount'],
    Agent: ['pool', 'keys'],
    Policy: ['author'],
    AuditEntry: ['principal'],
    Webhook: ['principal'],
  };
  // As the broker has it: only these have resolvers.
  new PlainFields().unwrap(schema);
  answerAtRandom(schema, resolved, seed);
});

/** As a client is told it, and what the resolvers were asked for. */
interface Told {
  data: unknown;
  /** One of each place that is null because of it: of several that take one parent along, either may be told. */
  errors: string[];
  /** Where in the operation those stand that took nothing along. */
  locations: string[];
  calls: string[];
}

function told({ data, errors = [] }: ExecutionResult, { calls }: Calls): Told {
  const withPlaces = errors.map((error) => ({ error, place: nullIn(data, error) }));
  const alone = withPlaces.filter(({ error, place }) => place.length === (error.path ?? []).length);
  return {
    data: data === undefined ? undefined : JSON.parse(JSON.stringify(data)),
    errors: [...new Set(withPlaces.map(({ error, place }) => saidAt(place, error)))].sort(),
    locations: alone
      .flatMap(({ error, place }) =>
        (error.locations ?? []).map(({ line, column }) => `${place.join('.')} at ${line}:${column}`),
      )
      .sort(),
    calls: calls.sort(),
  };
}

/** The path of what is null because of it: its own, or that of the parent which it took along. */
function nullIn(data: unknown, { path = [] }: GraphQLError): readonly (string | number)[] {
  let [there, depth] = [data, 0];
  while (depth < path.length && there != null) there = (there as Record<string, unknown>)[path[depth++] as string];
  return path.slice(0, depth);
}

function saidAt(place: readonly (string | number)[], error: GraphQLError): string {
  if (place.length < (error.path ?? []).length) return JSON.stringify(place);
  const { message, extensions } = formatError(error.toJSON(), error, () => undefined);
  // An INTERNAL one has another reference each time.
  const withoutReference = (text: string) => text.replaceAll(/\b[\da-f]{8}-[\da-f-]{27}\b/g, 'a reference');
  return withoutReference(JSON.stringify({ place, message, extensions }));
}

async function byGraphqlJs({ source, variables }: RandomOperation): Promise<Told> {
  const contextValue: Calls = { calls: [] };
  return told(
    await execute({ schema, document: parse(source), variableValues: variables, contextValue }),
    contextValue,
  );
}

/** Where it is left to graphql-js: because it is not compiled, or because its variables were refused. */
async function byCode(
  { source, variables }: RandomOperation,
  operations: CompiledOperations,
): Promise<Told | 'not compiled' | 'refused'> {
  const run = runOf(operations, source);
  if (!run) return 'not compiled';
  const context: Calls = { calls: [] };
  const result = await run(variables, context);
  if (result) return told(result, context);
  // Or it would be called a second time.
  expect(context.calls).toEqual([]);
  return 'refused';
}

const parted = (all: readonly string[], isOne: (one: string) => boolean): [string[], string[]] => [
  all.filter(isOne),
  all.filter((one) => !isOne(one)),
];

/** Whether the field that the location is of stands there, under the name by which it is answered. */
function standsIn(source: string, location: string): boolean {
  const [, path = '', line, column] = /^(.*) at (\d+):(\d+)$/.exec(location) ?? [];
  const name = path.split('.').findLast((step) => !/^\d+$/.test(step)) ?? '';
  const there = source.split('\n')[Number(line) - 1]?.slice(Number(column) - 1) ?? '';
  return new RegExp(`^${name}\\b`).test(there);
}

function runOf(operations: CompiledOperations, source: string, operationName?: string) {
  const request = { source, document: parse(source), operationName };
  for (let time = 1; time < COMPILED_AT_SIGHT; time++) operations.find(request);
  return operations.find(request);
}

describe('an operation that was compiled', () => {
  it.each(['query', 'mutation'] as const)(`answers each random %s as graphql-js does (SEED=${seed})`, async (kind) => {
    const random = new RandomOperations(schema, randomNumbers(seed));
    const compiled = new CompiledOperations(schema);
    let [answered, withErrors, refused] = [0, 0, 0];
    for (let nth = 0; nth < OPERATIONS; nth++) {
      const operation = random.next(kind);
      expect(validate(schema, parse(operation.source))).toEqual([]);
      const found = await byCode(operation, compiled);
      if (found === 'not compiled') continue;
      const expected = await byGraphqlJs(operation);
      if (found === 'refused') {
        expect({ nth, operation, ...expected }).toMatchObject({ nth, operation, data: undefined, calls: [] });
        refused++;
        continue;
      }
      // graphql-js does not ask for what is beside a field whose failure takes its parent along; the compiler may have asked by then.
      const calls =
        expected.errors.length > 0 ? found.calls.filter((call) => expected.calls.includes(call)) : found.calls;
      // Of a field that stands there twice, once under a condition that leaves it out, the compiler names both places.
      const [locations, further] = parted(found.locations, (location) => expected.locations.includes(location));
      expect(further.filter((location) => !standsIn(operation.source, location))).toEqual([]);
      expect({ nth, operation, ...found, calls, locations }).toEqual({ nth, operation, ...expected });
      answered++;
      if (found.errors.length > 0) withErrors++;
    }
    // Of everything there was enough to have been a test of it.
    expect(answered).toBeGreaterThan(OPERATIONS / 4);
    expect(withErrors).toBeGreaterThan(OPERATIONS / 30);
    expect(refused).toBeGreaterThan(OPERATIONS / 50);
  });
});

describe('what is compiled', () => {
  const find = (source: string, operationName?: string) => runOf(new CompiledOperations(schema), source, operationName);

  it('is what comes often', () => {
    const operations = new CompiledOperations(schema);
    const request = { source: '{ viewer { id } }', document: parse('{ viewer { id } }'), operationName: undefined };
    const isCompiled = Array.from({ length: COMPILED_AT_SIGHT + 2 }, () => operations.find(request) !== null);
    expect(isCompiled).toEqual([...Array<boolean>(COMPILED_AT_SIGHT - 1).fill(false), true, true, true]);
  });

  it('is each operation of a document by its name', async () => {
    const source = 'query One { a: __typename } query Two { b: __typename }';
    const names = await Promise.all(
      ['One', 'Two'].map(async (name) => Object.keys((await find(source, name)?.({}, {}))?.data ?? {})),
    );
    expect(names).toEqual([['a'], ['b']]);
    expect(find(source)).toBeNull();
    expect(find(source, 'Three')).toBeNull();
  });

  it('forgets what was not asked for lately, and counts it anew', () => {
    const operations = new CompiledOperations(schema);
    const first = { source: '{ viewer { id } }', document: parse('{ viewer { id } }'), operationName: undefined };
    expect(runOf(operations, first.source)).not.toBeNull();
    for (let nth = 0; nth < 300; nth++) runOf(operations, `{ a${nth}: __typename }`);
    expect(operations.find(first)).toBeNull();
  });

  it.each([
    // The compiler takes this text for a date of its own making, and would write what follows into the code as it is.
    ['a text', '{ memories(after: "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d0);throw 1;(0") { totalCount } }'],
    ['a block of text', '{ memories(after: """a""") { totalCount } }'],
    ['a text as a default', 'query ($after: String = "a") { memories(after: $after) { totalCount } }'],
    ['an object', 'query ($q: String!) { recall(input: { query: $q }) { context } }'],
    ['an alias that means something to JavaScript', '{ __proto__: viewer { id } }'],
    [
      'a variable that means something to JavaScript',
      'query ($__proto__: Int) { memories(first: $__proto__) { totalCount } }',
    ],
    ['a condition on a fragment', '{ ...F @skip(if: true) ...F } fragment F on Query { viewer { id } }'],
    ['several mutations', 'mutation ($a: ID!) { a: forget(id: $a) { id } b: forget(id: $a) { id } }'],
    ['mutations in a fragment', 'mutation ($a: ID!) { ...F } fragment F on Mutation { a: forget(id: $a) { id } }'],
    ['a subscription', 'subscription { memoryFeed { id } }'],
    ['introspection, which comes once', getIntrospectionQuery()],
    ['a text without end', `{ viewer { id } ${' '.repeat(4_000)} }`],
  ])('is never %s', (_, source) => {
    expect(
      validate(schema, parse(source)).filter(({ message }) => !message.startsWith('Field "memoryFeed" arg')),
    ).toEqual([]);
    expect(find(source)).toBeNull();
  });

  it('is what clients send: names, numbers and variables', () => {
    const source =
      'query ($q: RecallInput!) { recall(input: $q) { hits { memory { id } } } memories(first: 5) { totalCount } }';
    expect(isCompilable(parse(source), undefined)).toBe(true);
  });
});
