import { createHash } from 'node:crypto';
import type { Scope } from './corpus.js';
import { importPeer, type Peer } from './peer.js';
import type { RawConnections } from './raw.repository.js';
import { DIMENSIONS, embed } from './stub-embedding.js';

interface Store {
  setup: () => Promise<void>;
  put: (namespace: string[], key: string, value: { text: string }) => Promise<void>;
  batch: (operations: { namespace: string[]; key: string; value: { text: string } }[]) => Promise<unknown>;
  search: (
    namespace: string[],
    options: { query: string; limit: number; mode: 'vector' },
  ) => Promise<{ value: { text: string }; score: number }[]>;
  stop: () => Promise<void>;
}

interface Langgraph {
  PostgresStore: new (config: object) => Store;
}

const keyOf = (content: string) => createHash('sha256').update(content).digest('hex').slice(0, 32);

/** LangGraph's PostgresStore with the vector index that it makes by default; a scope is a namespace. */
export async function openLanggraph(name: string, url: string, clients: number): Promise<Peer> {
  const { PostgresStore } = await importPeer<Langgraph>('@langchain/langgraph-checkpoint-postgres/store');
  const store = new PostgresStore({
    connectionOptions: { connectionString: url, max: clients },
    index: { dims: DIMENSIONS, fields: ['text'], embed: (texts: string[]) => Promise.resolve(texts.map(embed)) },
  });
  await store.setup();
  return {
    name,
    search: async (scopes, question) => {
      const found = await Promise.all(
        scopes.map((scope) => store.search([scope], { query: question, limit: 10, mode: 'vector' })),
      );
      const items = found.flat().sort((a, b) => b.score - a.score);
      return items.slice(0, 10).map(({ value }) => value.text);
    },
    addOne: (scope, content) => store.put([scope], keyOf(content), { text: content }),
    addMany: async (scope, contents) => {
      await store.batch(
        contents.map((content) => ({ namespace: [scope], key: keyOf(content), value: { text: content } })),
      );
    },
    close: () => store.stop(),
  };
}

interface IndexDefinition {
  name: string;
  definition: string;
}

const BATCH = 500;

/** Straight into its tables, with its vector index made anew afterwards: one put after another takes minutes. */
export async function fillLanggraph(raw: RawConnections, scopes: readonly Scope[]): Promise<void> {
  const { rows } = await raw.query<IndexDefinition>({
    text: `select indexname as name, indexdef as definition from pg_indexes
      where tablename = 'store_vectors' and indexdef like '%USING hnsw%'`,
  });
  for (const { name } of rows) await raw.query({ text: `drop index ${name}` });
  for (const { key, contents } of scopes) {
    for (let from = 0; from < contents.length; from += BATCH)
      await insert(raw, key, contents.slice(from, from + BATCH));
  }
  for (const { definition } of rows) await raw.query({ text: definition });
}

async function insert(raw: RawConnections, scope: string, contents: readonly string[]): Promise<void> {
  const values = [scope, contents.map(keyOf), contents];
  await raw.query({
    text: `insert into store (namespace_path, key, value)
      select $1, i.key, jsonb_build_object('text', i.content) from unnest($2::text[], $3::text[]) as i (key, content)`,
    values,
  });
  await raw.query({
    text: `insert into store_vectors (namespace_path, key, field_path, text_content, embedding)
      select $1, i.key, 'text', i.content, i.embedding::vector
      from unnest($2::text[], $3::text[], $4::text[]) as i (key, content, embedding)`,
    values: [...values, contents.map((content) => JSON.stringify(embed(content)))],
  });
}
