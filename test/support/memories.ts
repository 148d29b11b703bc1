import type { TestApi, TestClient } from './api.js';

export const STATUSES = ['ACTIVE', 'PROPOSED', 'REJECTED', 'QUARANTINED', 'SUPERSEDED', 'ARCHIVED', 'FORGOTTEN'];
export const TYPES = ['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'];

export const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome memory { id } } }';

export interface ShownMemory {
  id: string;
  status: string;
  type: string;
  content: string | null;
  pool: { key: string };
  author: { id: string } | null;
  maskedFields: string[];
  derivedFrom: { id: string; content: string | null }[];
  history: { version: number; content: string }[];
}

export const SHOWN = `id status type content pool { key } author { id } maskedFields derivedFrom { id content } history { version content }`;

/** Stores one memory. @returns its id */
export async function memorize(client: TestClient, input: Record<string, unknown>): Promise<string> {
  const stored = await client.ask<{ memorize: { memory: { id: string } } }>(MEMORIZE, {
    input: { type: 'EPISODIC', ...input },
  });
  return stored.memorize.memory.id;
}

/** As many root fields as one operation may have. */
const AT_ONCE = 20;

/** memory(id), of each that was asked for: null where it answers null. */
export async function memoriesByIds(client: TestClient, ids: readonly string[]): Promise<(ShownMemory | null)[]> {
  const found: (ShownMemory | null)[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const fields = some.map((id, place) => `m${place}: memory(id: "${id}") { ...Shown }`).join(' ');
    const answer = await client.ask<Record<string, ShownMemory | null>>(
      `{ ${fields} } fragment Shown on Memory { ${SHOWN} }`,
    );
    found.push(...some.map((_, place) => answer[`m${place}`] as ShownMemory | null));
  }
  return found;
}

/** memories(filter), every page. */
export async function allMemories(
  client: TestClient,
  filter: Record<string, unknown>,
  pageSize = 7,
): Promise<{ memories: ShownMemory[]; totalCount: number }> {
  const query = `query ($filter: MemoryFilter, $first: Int, $after: String) {
    memories(filter: $filter, first: $first, after: $after) { nodes { ${SHOWN} } totalCount pageInfo { hasNextPage endCursor } }
  }`;
  const memories: ShownMemory[] = [];
  for (let after: string | null = null; ;) {
    const variables: Record<string, unknown> = { filter, first: pageSize, after };
    const page: Page = (await client.ask<{ memories: Page }>(query, variables)).memories;
    memories.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return { memories, totalCount: page.totalCount };
    after = page.pageInfo.endCursor;
  }
}

interface Page {
  nodes: ShownMemory[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string };
}

export interface Recalled {
  hits: { memory: ShownMemory }[];
  context: string;
  searchedPools: string[];
}

export async function recall(
  client: TestClient,
  query: string,
  input: Record<string, unknown> = {},
): Promise<Recalled> {
  const document = `query ($input: RecallInput!) { recall(input: $input) { context searchedPools hits { memory { ${SHOWN} } } } }`;
  return (await client.ask<{ recall: Recalled }>(document, { input: { limit: 100, ...input, query } })).recall;
}

/** All that are stored, whoever may see them: asked of the database itself. */
export async function countMemories(api: TestApi): Promise<number> {
  const { rows } = await api.broker.database.maintenance<{ count: number }>('select count(*) as count from memory');
  return Number(rows[0]?.count);
}

/** Which of `ids` each way of reading shows. `childId` is a memory that was made from all of them, `query` is in all. */
export async function shownByPath(
  client: TestClient,
  { ids, childId, query }: { ids: readonly string[]; childId: string; query: string },
): Promise<Record<'byId' | 'listed' | 'recalled' | 'inContext' | 'asSource', string[]>> {
  const among = (memories: readonly { id: string }[]) => {
    const shown = new Set(memories.map(({ id }) => id));
    return ids.filter((id) => shown.has(id));
  };
  const [byId, listed, recalled, child] = await Promise.all([
    memoriesByIds(client, ids),
    allMemories(client, {}, 100),
    recall(client, query),
    memoriesByIds(client, [childId]),
  ]);
  return {
    byId: among(byId.filter((memory) => memory !== null)),
    listed: among(listed.memories),
    recalled: among(recalled.hits.map(({ memory }) => memory)),
    inContext: ids.filter((id) => recalled.context.includes(id)),
    asSource: among(child[0]?.derivedFrom ?? []),
  };
}

/** That every way of reading shows the same. */
export const everywhere = (ids: string[]) => ({ byId: ids, listed: ids, recalled: ids, inContext: ids, asSource: ids });
