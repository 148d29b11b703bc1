import { newId } from '#kernel';
import { createHash } from 'node:crypto';
import { analyseMemory } from '../../libs/memory/src/recall/analysis.js';
import { termVector } from '../../libs/memory/src/recall/term-vector.js';
import { createBenchDatabase, type BenchDatabase } from '../bench-database.repository.js';
import { BenchBroker } from '../feed/broker.js';
import { Writer } from '../writer.js';
import { GraphqlClient } from './graphql-client.js';
import { OwnWrites } from './own-writes.js';
import { createRawTables, type RawMemory, type RawTables } from './raw-writes.repository.js';
import { RawConnections } from './raw.repository.js';
import { SecondBroker } from './second-broker.js';

/** A broker to write to, a table in the shape of its own beside it, and texts that were never written before. */
export class WriteField {
  private readonly writer = new Writer();
  private written = 0;
  private readonly authorId = newId();
  readonly client: GraphqlClient;

  private constructor(
    readonly broker: BenchBroker,
    readonly raw: RawConnections,
    private readonly tables: RawTables,
    readonly peers: BenchDatabase,
    readonly pools: string[],
    readonly key: string,
  ) {
    this.client = new GraphqlClient(broker.url, key);
  }

  static async open(serverUrl: string, clients: number): Promise<WriteField> {
    const broker = await BenchBroker.start(serverUrl);
    const pools = await broker.lanes(clients);
    const key = (await broker.agents('planner', 1))[0] as string;
    const raw = await RawConnections.open(broker.databaseUrl, clients);
    const tables = { orgId: newId(), poolIds: pools.map(() => newId()) };
    await createRawTables(raw, tables);
    return new WriteField(broker, raw, tables, await createBenchDatabase(serverUrl), pools, key);
  }

  text(): string {
    return `number ${this.written++} ${this.writer.write(1)[0]}`;
  }

  texts(count: number): string[] {
    return Array.from({ length: count }, () => this.text());
  }

  /** What the broker would store in one pool, made ready: analysis is what it adds, not what Postgres costs. */
  ready(count: number, pool: number): RawMemory[] {
    const { orgId, poolIds } = this.tables;
    return this.texts(count).map((content) => {
      const terms = analyseMemory({ content });
      return {
        id: newId(),
        orgId,
        poolId: poolIds[pool % poolIds.length] as string,
        authorId: this.authorId,
        content,
        hash: createHash('sha256').update(content).digest(),
        terms: termVector(terms),
        termCount: terms.length,
      };
    });
  }

  /** Of each pool, what the broker sends for as many memories as travel together. */
  async ownWrites(batch: number): Promise<OwnWrites[]> {
    const second = await SecondBroker.open(this.broker.databaseUrl);
    try {
      const found: OwnWrites[] = [];
      for (const pool of this.pools)
        found.push(new OwnWrites(await second.captureWrite(this.key, pool, this.texts(1 + batch))));
      return found;
    } finally {
      await second.close();
    }
  }

  async close(): Promise<void> {
    this.client.close();
    await this.raw.close();
    await this.peers.drop();
    await this.broker.close();
  }
}
