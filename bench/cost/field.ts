import { setTimeout as pause } from 'node:timers/promises';
import { createBenchDatabase, type BenchDatabase } from '../bench-database.repository.js';
import { BenchBroker } from '../feed/broker.js';
import type { Flights } from './capture.js';
import type { Question, Scope } from './corpus.js';
import { StubEmbedder } from './embedder.js';
import { GraphqlClient } from './graphql-client.js';
import { McpClient } from './mcp-client.js';
import { countUnsettled, RawConnections } from './raw.repository.js';
import { SecondBroker } from './second-broker.js';
import type { CpuReading } from './turns.js';

const INDEX_BUILD_MS = 900_000;
const LOOK_MS = 1_000;
/** Fewer memories no broker builds an index for. */
const FEW = 2_000;
const MOST_CLIENTS = 8;

export interface FieldOptions {
  scopes: readonly Scope[];
  /** Which pools each role reads; planners write all of them. */
  readers: Record<string, readonly string[]>;
  /** Both are on one database, so that they have the same memories; these have vectors where one of the brokers makes them. */
  brokers: readonly Kind[];
}

export interface Asked {
  pools: readonly string[];
  questions: readonly Question[];
  variables?: Record<string, string>;
}

/** With the embedder that costs next to nothing, with vectors in Postgres alone, or without any. */
export type Kind = 'vectors' | 'stored vectors' | 'plain';

/** A broker with pools, memories and callers, and what takes part beside it on its database. */
export class Field {
  private readonly clients: (GraphqlClient | McpClient)[] = [];

  private constructor(
    readonly database: BenchDatabase,
    readonly embedder: StubEmbedder,
    readonly raw: RawConnections,
    private readonly brokers: Partial<Record<Kind, BenchBroker>>,
    private readonly keys: Record<string, string>,
  ) {}

  static async open(serverUrl: string, { scopes, readers, brokers: kinds }: FieldOptions): Promise<Field> {
    const database = await createBenchDatabase(serverUrl);
    const embedder = await StubEmbedder.start();
    const brokers: Partial<Record<Kind, BenchBroker>> = {};
    for (const kind of kinds)
      brokers[kind] = await BenchBroker.on(keptOpen(database), { variables: variablesOf(kind, embedder) });
    const keys = await admit(Object.values(brokers)[0] as BenchBroker, scopes, readers);
    await fill(database.url, variablesOf(kinds.find((kind) => kind !== 'plain') ?? 'plain', embedder), {
      scopes,
      key: keys['planner'] as string,
    });
    const raw = await RawConnections.open(database.url, MOST_CLIENTS);
    const field = new Field(database, embedder, raw, brokers, keys);
    if (scopes.reduce((sum, { contents }) => sum + contents.length, 0) > FEW) await field.settle();
    return field;
  }

  client(role: string, kind: Kind): GraphqlClient {
    const client = new GraphqlClient((this.brokers[kind] as BenchBroker).url, this.keys[role] as string);
    this.clients.push(client);
    return client;
  }

  mcpClient(role: string, kind: Kind): McpClient {
    const client = new McpClient((this.brokers[kind] as BenchBroker).url, this.keys[role] as string);
    this.clients.push(client);
    return client;
  }

  /** What a recall of each question sends to Postgres. @param variables of the broker, beside those of its kind */
  async captured(role: string, kind: Kind, { pools, questions, variables }: Asked): Promise<Flights[]> {
    const second = await SecondBroker.open(this.database.url, { ...variablesOf(kind, this.embedder), ...variables });
    try {
      return await second.captureRecalls(this.keys[role] as string, pools, questions);
    } finally {
      await second.close();
    }
  }

  /** Processor time of the broker, and of the processes of Postgres that work for it. */
  async cpu(kind: Kind): Promise<CpuReading> {
    return {
      broker: (this.brokers[kind] as BenchBroker).cpuSeconds(),
      postgres: await this.raw.postgresSeconds('commonplace'),
    };
  }

  async rawCpu(): Promise<CpuReading> {
    return { broker: null, postgres: await this.raw.postgresSeconds('bench-raw') };
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.raw.close();
    for (const broker of Object.values(this.brokers)) await broker.close();
    await this.embedder.close();
    await this.database.drop();
  }

  /** What autovacuum does within a minute of use: until then plans may be those of tables that were still empty. */
  async analyse(): Promise<void> {
    await this.raw.query({ text: 'vacuum analyze' });
  }

  /** A broker builds indexes in the background after such a filling, and looks for it once a minute: they belong to what is measured. */
  private async settle(): Promise<void> {
    const end = Date.now() + INDEX_BUILD_MS;
    while ((await countUnsettled(this.raw)) > 0) {
      if (Date.now() > end) throw new Error('the indexes of the vectors are not built after 15 minutes');
      await pause(LOOK_MS);
    }
  }
}

async function admit(
  broker: BenchBroker,
  scopes: readonly Scope[],
  readers: FieldOptions['readers'],
): Promise<Record<string, string>> {
  const pools = scopes.map(({ key }) => key);
  await broker.createPools(pools);
  await broker.addStatements('field', [
    { effect: 'ALLOW', roles: ['planner'], actions: ['READ', 'WRITE'], pools },
    ...Object.entries(readers).map(([role, read]) => ({
      effect: 'ALLOW',
      roles: [role],
      actions: ['READ'],
      pools: read,
    })),
  ]);
  const keys: Record<string, string> = {};
  for (const role of ['planner', ...Object.keys(readers)]) keys[role] = (await broker.agents(role, 1))[0] as string;
  return keys;
}

const variablesOf = (kind: Kind, embedder: StubEmbedder): Record<string, string> => ({
  ...(kind !== 'plain' && embedder.variables),
  ...(kind === 'stored vectors' && { RECALL_KEPT_VECTORS_MB: '0' }),
});

/** Several brokers use it, so none of them drops it. */
const keptOpen = ({ url }: BenchDatabase): BenchDatabase => ({ url, drop: () => Promise.resolve() });

async function fill(
  url: string,
  variables: Record<string, string>,
  { scopes, key }: { scopes: readonly Scope[]; key: string },
): Promise<void> {
  const second = await SecondBroker.open(url, variables);
  try {
    await second.fill(scopes.map(({ key: pool, contents, apart }) => ({ key, pool, contents, apart })));
  } finally {
    await second.close();
  }
}
