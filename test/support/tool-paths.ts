import type { Client } from '@modelcontextprotocol/client';
import { callTool, openMcp, PROTOCOLS, toldMemories, type ToldMemory } from './mcp.js';
import { COMMON, type StoredFact } from './policy-world.js';
import { isClosed, isOpen, own, passes, READS, sortById, type Outcome, type Visit } from './read-views.js';

/** What models are told, by either way to the tools, and what their programs may read as resources. */

const CALL = 'mutation ($given: JSONObject!) { callTool(name: "remember", arguments: $given) { content isError } }';
const MOST = 50;
const HIDDEN = '(its content is hidden from you)';

interface Told {
  id: string;
  content: string;
  user_id: string | undefined;
  speaker: string | undefined;
  /** Of a procedure, whether it says who wrote it. */
  author: boolean | undefined;
}

/** As the oracle shows a memory, in the words of a tool. */
function expectedOf(visit: Visit, fact: StoredFact): Told {
  const { id, type, content, entityId, speaker, author } = own(visit, fact);
  const lack = fact.status === 'FORGOTTEN' ? '(it was forgotten)' : HIDDEN;
  return {
    id,
    content: (content as string | null) ?? lack,
    user_id: (entityId as string | null) ?? undefined,
    speaker: (speaker as string | null) ?? undefined,
    author: type === 'PROCEDURAL' ? author !== null : undefined,
  };
}

function heardOf({ attributes, content }: ToldMemory): Told {
  const { id, user_id, speaker, written_by } = attributes;
  const author = written_by === undefined ? undefined : written_by !== 'somebody you are not shown';
  return { id: id as string, content, user_id, speaker, author };
}

/** What a recall may find at all, of those that are remembered. */
const isRemembered = (visit: Visit, fact: StoredFact) =>
  fact.status === 'ACTIVE' && visit.oracle.sees(fact) && visit.oracle.shows('content', fact);

function outcome(visit: Visit, text: string, shown: StoredFact[], note: unknown): Outcome {
  const heard = { note, told: sortById(toldMemories(text).map(heardOf)) };
  const expected = { note, told: sortById(shown.map((fact) => expectedOf(visit, fact))) };
  return { heard, expected, shown, of: visit.world.facts };
}

/** Pool by pool, for a tool tells of 50 at most. */
export async function rememberedByTool(visit: Visit): Promise<Outcome[]> {
  const { world, oracle, client, random } = visit;
  return Promise.all(
    random.some(world.pools, 3).map(async (pool) => {
      const given = { query: COMMON, pool: pool.key, max_results: MOST };
      const { content, isError } = (
        await client.ask<{ callTool: { content: string; isError: boolean } }>(CALL, { given })
      ).callTool;
      const shown = world.facts.filter((fact) => fact.pool === pool && isRemembered(visit, fact));
      // Whether a pool that is neither open nor closed for certain is refused, no model can say.
      const refused = isClosed(oracle, pool) ? true : isOpen(oracle, pool, world) ? false : isError;
      const told = outcome(visit, content, shown, { pool: pool.key });
      return { ...told, heard: [told.heard, isError], expected: [told.expected, refused] };
    }),
  );
}

export async function rememberedByMcp(visit: Visit): Promise<Outcome[]> {
  return overMcp(visit, async (mcp) => {
    const user_id = visit.random.one(['alpha', 'beta']);
    const { text } = await callTool(mcp, 'remember', { query: COMMON, user_id, max_results: MOST });
    visit.client.heard += text;
    const shown = visit.world.facts.filter(
      (fact) => isRemembered(visit, fact) && passes(visit, { entityId: user_id }, fact),
    );
    return [outcome(visit, text, shown, { user_id })];
  });
}

export async function readByMcp(visit: Visit): Promise<Outcome[]> {
  return overMcp(visit, async (mcp) => {
    const { world, random } = visit;
    const [pool, single] = [random.one(world.pools), random.one(world.facts)];
    const ofPool = world.facts.filter(
      (fact) => fact.pool === pool && fact.status === 'ACTIVE' && visit.oracle.sees(fact),
    );
    const isShown = visit.oracle.sees(single);
    return [
      await listed(visit, mcp),
      outcome(visit, await read(visit, mcp, `pools/${encodeURIComponent(pool.key)}`), ofPool, { pool: pool.key }),
      outcome(visit, await read(visit, mcp, `memories/${single.id}`), isShown ? [single] : [], { id: single.id }),
    ];
  });
}

async function overMcp(visit: Visit, reading: (mcp: Client) => Promise<Outcome[]>): Promise<Outcome[]> {
  const mcp = await openMcp(visit.world.api.url, visit.client.key, visit.random.one(PROTOCOLS));
  try {
    return await reading(mcp);
  } finally {
    await mcp.close();
  }
}

async function read({ client }: Visit, mcp: Client, path: string): Promise<string> {
  const { contents } = await mcp
    .readResource({ uri: `commonplace://${path}` })
    .catch((error: Error) => ({ contents: [{ text: error.message }] }));
  const { text } = contents[0] as { text: string };
  client.heard += text;
  return text;
}

/** Every pool of which something is seen, and none in which nothing could be read. */
async function listed({ world, oracle }: Visit, mcp: Client): Promise<Outcome> {
  const keys = (await mcp.listResources()).resources.map(({ name }) => name);
  const shown = world.facts.filter((fact) => oracle.sees(fact));
  const heard = {
    missing: [...new Set(shown.map(({ pool }) => pool.key))].filter((key) => !keys.includes(key)),
    extra: world.pools
      .filter((pool) => keys.includes(pool.key) && !READS.some((action) => oracle.mightDo(action, pool)))
      .map(({ key }) => key),
  };
  return { heard, expected: { missing: [], extra: [] }, shown, of: world.facts };
}
