import 'reflect-metadata';
import { execute, parse, type GraphQLSchema } from 'graphql';
import { COMPILED_AT_SIGHT, CompiledOperations, type Run } from '../../apps/api/src/graphql/compiled-operations.js';
import { PlainFields } from '../../apps/api/src/graphql/plain-fields.js';
import { buildApiSchema } from '../../apps/api/src/graphql/schema.js';
import { median, ratio, takeTurns } from '../measure.js';
import { type Row, type Workload } from '../workload.js';

const CALLS = 200;
const source = `query ($input: RecallInput!) { recall(input: $input) { context degraded policyVersion hits {
  rank score explanation { vectorRank textRank } memory { id content type importance labels metadata entityId sessionId
    speaker createdAt updatedAt version pool { key } } } } }`;
const variables = { input: { query: 'anything', limit: 10 } };

/** From what a recall of ten hits found to what the client is told, without the search and without HTTP. */
export const answers: Workload = { name: 'answers', needsDatabase: false, run: rows };

async function rows(): Promise<Row[]> {
  const asNest = await schemaOf();
  const schema = new PlainFields().unwrap(await schemaOf());
  withHits(schema);
  const document = parse(source);
  const compiled = compile(schema);
  const variants = [
    () => execute({ schema: asNest, document, variableValues: variables, contextValue: {} }),
    () => execute({ schema, document, variableValues: variables, contextValue: {} }),
    () => compiled(variables, {}),
  ];
  const told = await Promise.all(variants.map(async (variant) => JSON.stringify(await variant())));
  if (new Set(told).size !== 1) throw new Error('they do not tell the same');
  const many = variants.map((variant) => ({
    call: async () => {
      for (let nth = 0; nth < CALLS; nth++) await variant();
    },
  }));
  const rounds = await takeTurns(many, 40, 3);
  const each = (of: number) => (median(rounds[of] as number[]) / CALLS) * 1_000;
  return [
    { row: 'ten hits told, a resolver each field', value: each(0), unit: 'µs', limit: null },
    { row: 'ten hits told, plain fields', value: each(1), unit: 'µs', limit: null },
    { row: 'ten hits told, plain fields and compiled', value: each(2), unit: 'µs', limit: null },
    { row: 'ten hits told: compiled / a resolver each field', value: ratio(rounds, 2, 0), unit: '×', limit: 0.3 },
  ];
}

async function schemaOf(): Promise<GraphQLSchema> {
  const schema = await buildApiSchema();
  withHits(schema);
  return schema;
}

function withHits(schema: GraphQLSchema): void {
  const recall = schema.getQueryType()?.getFields()['recall'];
  if (recall) recall.resolve = () => Promise.resolve(FOUND);
}

function compile(schema: GraphQLSchema): Run {
  const operations = new CompiledOperations(schema);
  const request = { source, document: parse(source), operationName: undefined };
  for (let time = 1; time < COMPILED_AT_SIGHT; time++) operations.find(request);
  const run = operations.find(request);
  if (!run) throw new Error('the recall was not compiled');
  return run;
}

const memory = (nth: number) => ({
  ...{ id: `memory-${nth}`, content: 'What somebody found out about the ledger. '.repeat(4), type: 'DECLARATIVE' },
  ...{ importance: 'MEDIUM', labels: ['ledger', 'postgres'], metadata: { ticket: nth }, version: 1 },
  ...{ entityId: 'project', sessionId: null, speaker: null, createdAt: new Date(), updatedAt: new Date() },
  pool: { key: 'coder' },
});

const FOUND = {
  hits: Array.from({ length: 10 }, (_, nth) => ({
    ...{ rank: nth + 1, score: 1 / (nth + 1), explanation: { vectorRank: null, textRank: nth + 1 } },
    memory: memory(nth),
  })),
  ...{ context: 'The hits as text.', degraded: [], policyVersion: 1, searchedPools: ['coder'] },
};
