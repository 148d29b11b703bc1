import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Scope } from './corpus.js';
import { importPeer, type Peer } from './peer.js';
import type { RawConnections } from './raw.repository.js';
import { DIMENSIONS, embed } from './stub-embedding.js';

interface Memory {
  add: (messages: { role: string; content: string }[], options: { userId: string; infer: false }) => Promise<unknown>;
  search: (
    query: string,
    options: { topK: number; threshold: number; filters: { user_id: string } },
  ) => Promise<{ results: { memory: string; score: number }[] }>;
  vectorStore: { close: () => Promise<void> };
  /** Opened by the first search that sees a name in a question; its connection is closed by nothing else. */
  _entityStore?: { close: () => Promise<void> };
}

interface Mem0 {
  Memory: new (config: object) => Memory;
}

export const PLAIN = 'mem0_plain';
export const INDEXED = 'mem0_indexed';
export const ALL_INDEXED = 'mem0_all_indexed';

const model = { embedQuery: (text: string) => embed(text), embedDocuments: (texts: string[]) => texts.map(embed) };

export interface Mem0Options {
  name: string;
  url: string;
  collection: string;
  /** One connection each; client n uses memory n, modulo their number. */
  memories: number;
  /** Whether each change is written to a file of SQLite too, as it is where nobody turns it off. */
  history: boolean;
}

/** mem0's own Memory over pgvector, with its telemetry off. */
export async function openMem0({ name, url, collection, memories: count, history }: Mem0Options): Promise<Peer> {
  const { Memory } = await importPeer<Mem0>('mem0ai/oss');
  const memories: Memory[] = [];
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-mem0-'));
  for (let nth = 0; nth < count; nth++) {
    const memory = new Memory({
      embedder: { provider: 'langchain', config: { model } },
      llm: { provider: 'langchain', config: { model: { invoke: () => Promise.reject(new Error('infer is false')) } } },
      vectorStore: {
        provider: 'pgvector',
        config: {
          connectionString: url,
          collectionName: collection,
          dimension: DIMENSIONS,
          embeddingModelDims: DIMENSIONS,
        },
      },
      ...(history ? { historyDbPath: path.join(folder, `${nth}.db`) } : { disableHistory: true }),
    });
    // The first one makes its tables; made by many at once they collide.
    await memory.search('ready', { topK: 1, threshold: 0, filters: { user_id: 'nobody' } });
    memories.push(memory);
  }
  const of = (worker: number) => memories[worker % memories.length] as Memory;
  const add = async (scope: string, contents: readonly string[], worker: number) => {
    await of(worker).add(
      contents.map((content) => ({ role: 'user', content })),
      { userId: scope, infer: false },
    );
  };
  return {
    name,
    search: async (scopes, question, worker) => {
      const found = await Promise.all(
        scopes.map((scope) => of(worker).search(question, { topK: 10, threshold: 0, filters: { user_id: scope } })),
      );
      const results = found.flatMap((one) => one.results).sort((a, b) => b.score - a.score);
      return results.slice(0, 10).map(({ memory }) => memory);
    },
    addOne: (scope, content, worker) => add(scope, [content], worker),
    addMany: add,
    close: async () => {
      for (const { vectorStore, _entityStore } of memories) {
        await vectorStore.close();
        await _entityStore?.close();
      }
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** By mem0 itself: the rows are what it makes of the texts. */
export async function fillMem0(peer: Peer, scopes: readonly Scope[], clients: number): Promise<void> {
  const batches = scopes.flatMap(({ key, contents }) =>
    Array.from({ length: Math.ceil(contents.length / 100) }, (_, nth) => ({
      key,
      contents: contents.slice(nth * 100, (nth + 1) * 100),
    })),
  );
  let next = 0;
  const writer = async (_: unknown, worker: number) => {
    while (next < batches.length) {
      const { key, contents } = batches[next++] as (typeof batches)[number];
      await peer.addMany(key, contents, worker);
    }
  };
  await Promise.all(Array.from({ length: clients }, writer));
}

/**
 * The same rows in a collection with an index on the user, by which every search filters, and one on the vectors, for which
 * mem0 has an option; neither is there as it comes.
 * @param text whether to add one on the text, too, which every search looks through
 */
export async function copyIndexed(raw: RawConnections, collection: string, text: boolean): Promise<void> {
  await raw.query({ text: `create table ${collection} (like ${PLAIN} including all)` });
  await raw.query({ text: `insert into ${collection} select * from ${PLAIN}` });
  await raw.query({ text: `create index on ${collection} ((payload->>'user_id'))` });
  await raw.query({ text: `create index on ${collection} using hnsw (vector vector_cosine_ops)` });
  if (!text) return;
  await raw.query({
    text: `create index on ${collection} using gin (to_tsvector('simple', payload->>'textLemmatized'))`,
  });
}
