import { setTimeout as pause } from 'node:timers/promises';
import type { TestClient } from './api.js';
import { completed, extracted, refusedErasures } from './completion-paths.js';
import { FeedReader, type FeedEvent } from './feed.js';
import { STATUSES, TYPES } from './memories.js';
import { consolidationRuns } from './consolidation-paths.js';
import { recalledFromKept } from './kept-recall.js';
import { recalledAsOf } from './moments.js';
import { COMMON, type StoredFact } from './policy-world.js';
import { ACTIONS } from './random-policies.js';
import { readByMcp, rememberedByMcp, rememberedByTool } from './tool-paths.js';
import {
  does,
  ids,
  isClosed,
  isOpen,
  normal,
  own,
  OWN,
  passes,
  randomFilter,
  READS,
  sortById,
  whole,
  WHOLE,
  type Filter,
  type Outcome,
  type View,
  type Visit,
} from './read-views.js';

/** Outcomes, or how to have them once nothing may be read any more. */
type Reading = Outcome[] | (() => Promise<Outcome[]>);
type ReadPath = (visit: Visit) => Promise<Reading>;

/** Each is a unit of work of its own, and one is enough to find a path that differs. */
const BY_ID = 8;
const FILTERS = 4;
const RECALLS = 2;

/** For what should come and does not. */
const LONGEST_WAIT_MS = 5_000;

export const PATHS: Record<string, ReadPath> = {
  'memory(id)': byId,
  'memories, page by page': everyPage,
  'memories by a filter': filtered,
  'recall, by words': recalledByWords,
  'recall by a filter': recalledByFilter,
  'recall as of a time': recalledAsOf,
  'recall from kept terms': recalledFromKept,
  'pools, allowedActions and memoryCount': pools,
  complete: completed,
  'an extraction': extracted,
  'the refusal of an erasure': refusedErasures,
  'callTool remember': rememberedByTool,
  'MCP remember': rememberedByMcp,
  'MCP resources': readByMcp,
  'the refusal of a pool': refusedPools,
  'the refusal of a memory': refusedMemories,
  'the runs of a consolidation': consolidationRuns,
  'the feed from its beginning': feed,
};

async function byId(visit: Visit): Promise<Outcome[]> {
  const of = visit.random.some(visit.world.facts, BY_ID);
  const fields = of.map(({ id }, n) => `m${n}: memory(id: "${id}") { ...Shown }`).join(' ');
  const query = `{ ${fields} } fragment Shown on Memory { ${WHOLE} }`;
  const answer = await visit.client.ask<Record<string, View | null>>(query);
  const expected = of.map((fact) => (visit.oracle.sees(fact) ? whole(visit, fact) : null));
  const heard = of.map((_, n) => normal(answer[`m${n}`] as View | null));
  return [{ heard, expected, shown: of.filter((fact) => visit.oracle.sees(fact)), of }];
}

interface Connection {
  nodes: View[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string };
}

async function everyPage(visit: Visit): Promise<Outcome[]> {
  const { world, oracle, client } = visit;
  const query = `query ($after: String) { memories(filter: {statuses: [${STATUSES.join()}]}, first: 60, after: $after) {
    totalCount nodes { ${WHOLE} } pageInfo { hasNextPage endCursor } } }`;
  const nodes: View[] = [];
  for (let after: string | null = null; ;) {
    const page: Connection = (await client.ask<{ memories: Connection }>(query, { after })).memories;
    nodes.push(...page.nodes);
    after = page.pageInfo.endCursor;
    if (page.pageInfo.hasNextPage) continue;
    const shown = world.facts.filter((fact) => oracle.sees(fact));
    const heard = { totalCount: page.totalCount, nodes: nodes.map(normal) };
    const expected = { totalCount: shown.length, nodes: newestFirst(shown).map((fact) => whole(visit, fact)) };
    return [{ heard, expected, shown, of: world.facts }];
  }
}

const newestFirst = (facts: readonly StoredFact[]) => sortById(facts).reverse();

async function filtered(visit: Visit): Promise<Outcome[]> {
  const { world, client } = visit;
  const filters = Array.from({ length: FILTERS }, () => randomFilter(visit));
  const names = filters.map((_, n) => `$f${n}: MemoryFilter`).join(', ');
  const fields = filters.map((_, n) => `f${n}: memories(filter: $f${n}, first: 100) { totalCount nodes { id } }`);
  const variables = Object.fromEntries(filters.map((filter, n) => [`f${n}`, filter]));
  const answer = await client.ask<Record<string, Connection>>(`query (${names}) { ${fields.join(' ')} }`, variables);
  return filters.map((filter, n) => {
    const shown = newestFirst(world.facts.filter((fact) => passes(visit, filter, fact)));
    const { totalCount, nodes } = answer[`f${n}`] as Connection;
    const heard = { filter, totalCount, ids: ids(nodes) };
    return { heard, expected: { filter, totalCount: shown.length, ids: ids(shown) }, shown, of: world.facts };
  });
}

interface Recalled {
  hits: { memory: View }[];
  context: string;
  searchedPools: string[];
}

const RECALL = `recall(input: $i) { context searchedPools hits { memory { ${WHOLE} } } }`;

/** What a recall may find at all: what is seen, has content, and shows it. */
const findable = ({ oracle }: Visit, fact: StoredFact) =>
  oracle.sees(fact) && fact.versions.length > 0 && oracle.shows('content', fact);

function recallOutcome(visit: Visit, { hits, context }: Recalled, shown: StoredFact[], note: unknown): Outcome {
  const { facts } = visit.world;
  const inContext = facts.filter(({ words }) => words.some((word) => context.includes(word)));
  const heard = { note, hits: sortById(hits.map(({ memory }) => normal(memory) as View)), context: ids(inContext) };
  const expected = { note, hits: sortById(shown.map((fact) => whole(visit, fact))), context: ids(shown) };
  return { heard, expected, shown, of: facts };
}

async function recalledByWords(visit: Visit): Promise<Outcome[]> {
  const { world, client, oracle } = visit;
  const shown = world.facts.filter((fact) => findable(visit, fact));
  const current = shown.map(({ words }) => words[0]);
  const hidden = world.facts.flatMap((fact) => fact.words.filter((word) => !current.includes(word)));
  const recall = async (query: string): Promise<Recalled> => {
    const input = { query, limit: 100, filter: { statuses: STATUSES } };
    return (await client.ask<{ recall: Recalled }>(`query ($i: RecallInput!) { ${RECALL} }`, { i: input })).recall;
  };
  const [byCommon, byOwn, byHidden] = await Promise.all([
    recall(COMMON),
    recall(['about', ...current].join(' ')),
    recall(hidden.join(' ')),
  ]);
  const searched = byCommon.searchedPools;
  const seenPools = [...new Set(world.facts.filter((fact) => oracle.sees(fact)).map(({ pool }) => pool.key))];
  const closed = world.pools
    .filter((pool) => !READS.some((action) => oracle.mightDo(action, pool)))
    .map(({ key }) => key);
  return [
    recallOutcome(visit, byCommon, shown, 'by a word in all'),
    recallOutcome(visit, byOwn, shown, 'by the words of what it may find'),
    recallOutcome(visit, byHidden, [], 'by the words of all else'),
    {
      heard: {
        missing: seenPools.filter((key) => !searched.includes(key)),
        extra: searched.filter((key) => closed.includes(key)),
      },
      expected: { missing: [], extra: [] },
      shown,
      of: world.facts,
    },
  ];
}

async function recalledByFilter(visit: Visit): Promise<Outcome[]> {
  const inputs = Array.from({ length: RECALLS }, () => randomFilter(visit));
  return Promise.all(
    inputs.map(async (given) => {
      const { pools: within, types, entityId, sessionId, ...filter } = given;
      const input = { query: COMMON, limit: 100, pools: within, types, entityId, sessionId, filter };
      const { recall } = await visit.client.ask<{ recall: Recalled }>(`query ($i: RecallInput!) { ${RECALL} }`, {
        i: input,
      });
      const shown = visit.world.facts.filter((fact) => findable(visit, fact) && passes(visit, given, fact));
      return recallOutcome(visit, recall, shown, given);
    }),
  );
}

interface ShownPool {
  key: string;
  kind: string;
  role: string | null;
  allowedActions: string[];
  memoryCount: number;
}

async function pools({ world, client, oracle }: Visit): Promise<Outcome[]> {
  const fields = 'key kind role allowedActions memoryCount';
  const one = world.pools.map(({ key }, n) => `p${n}: pool(key: "${key}") { ${fields} }`).join(' ');
  type Answer = Record<string, ShownPool | null> & { pools: ShownPool[] };
  const answer = await client.ask<Answer>(`{ pools { ${fields} } ${one} }`);
  return world.pools.map((pool, n) => {
    const listed = answer.pools.find(({ key }) => key === pool.key) ?? null;
    const actions = listed?.allowedActions ?? [];
    const of = world.facts.filter((fact) => fact.pool === pool && fact.status === 'ACTIVE');
    const shown = of.filter((fact) => oracle.sees(fact));
    const missing = ACTIONS.filter((action) => does(oracle, action, pool, world) && !actions.includes(action));
    const extra = actions.filter((action) => !oracle.mightDo(action, pool));
    const heard = { missing, extra, memoryCount: listed?.memoryCount ?? 0, byKey: answer[`p${n}`] };
    return { heard, expected: { missing: [], extra: [], memoryCount: shown.length, byKey: listed }, shown, of };
  });
}

/** One pool in which nothing may be done is answered as one that is not there; one that is open is not. */
async function refusedPools({ world, client, oracle, random }: Visit): Promise<Outcome[]> {
  const pool = random.one(world.pools);
  const unheard = world.api.admin.as(client.key);
  const answerTo = async (key: string) => {
    const queries = [
      '{ memories(filter: {pools: ["KEY"]}) { totalCount } }',
      '{ recall(input: {query: "x", pools: ["KEY"]}) { context } }',
    ];
    const answers = await Promise.all(queries.map((query) => unheard.send(query.replace('KEY', key))));
    return JSON.stringify(answers).replaceAll(key, 'KEY');
  };
  const [named, missing] = await Promise.all([answerTo(pool.key), answerTo('no-such-pool')]);
  const of = world.facts.filter((fact) => fact.pool === pool);
  const shown = of.filter((fact) => oracle.sees(fact));
  if (isClosed(oracle, pool)) return [{ heard: named, expected: missing, shown, of }];
  const wronglyRefused = isOpen(oracle, pool, world) && named === missing;
  return [{ heard: wronglyRefused, expected: false, shown, of }];
}

const REVISE = 'mutation ($id: ID!) { revise(input: {id: $id, expectedVersion: 99, content: "x"}) { id } }';
const DERIVE = `mutation ($id: ID!, $pool: String!) { memorize(input: {content: "x", type: EPISODIC, pool: $pool, derivedFrom: [$id]}) { outcome } }`;
const NOBODY = '01990000-0000-7000-8000-000000000000';

/** What is hidden is refused as what is not there; nothing of what is asked here can be done. */
async function refusedMemories({ world, client, oracle, random }: Visit): Promise<Outcome[]> {
  // Each names the pool that was asked for, and is compared whole: only what is shown is overheard.
  const unheard = world.api.admin.as(client.key);
  const answerTo = async (asker: TestClient, query: string, id: string, pool: string) =>
    JSON.stringify(await asker.send(query, { id, pool })).replaceAll(id, 'ID');
  const of = random.some(world.facts, 3);
  return Promise.all(
    of.map(async (fact): Promise<Outcome> => {
      const { id, pool } = fact;
      const isShown = oracle.sees(fact);
      if (isShown) {
        const answer = await answerTo(client, REVISE, id, pool.key);
        const heard = /"(CONFLICT|FORBIDDEN|NOT_FOUND)"/.test(answer);
        return { heard, expected: true, shown: [fact], of: [fact] };
      }
      // A source that is seen would be taken, so this is asked only of what is hidden.
      const both = [REVISE, DERIVE];
      const heard = await Promise.all(both.map((query) => answerTo(unheard, query, id, pool.key)));
      const expected = await Promise.all(both.map((query) => answerTo(unheard, query, NOBODY, pool.key)));
      return { heard, expected, shown: [], of: [fact] };
    }),
  );
}

/** Told from before the first memory: all of it, before the curtain falls. */
async function feed(visit: Visit): Promise<Reading> {
  const { world, member, client, oracle, random } = visit;
  const wanted = random.one([
    {},
    {},
    { types: random.some(TYPES, 2) },
    { entityId: random.one(['alpha', 'beta']) },
  ]) as Filter;
  const reader = FeedReader.open(member.client, { ...wanted, after: world.beginning }, undefined, OWN);
  const begun = await reader.until(() => true).catch(() => []);
  const told = world.log.filter(({ fact }) => oracle.sees(fact) && isWanted(visit, wanted, fact));
  const isThere = () => reader.events.filter(({ kind }) => kind !== 'SCOPE_CHANGED').length >= told.length;
  await Promise.race([reader.until(isThere).catch(() => []), pause(LONGEST_WAIT_MS)]);
  // What should not be told would come with the rest of the page, in the same breath.
  await pause(100);
  return async () => {
    const failure = await reader.failure();
    await reader.close();
    const events = reader.events.filter(({ kind }) => kind !== 'SCOPE_CHANGED');
    client.heard += JSON.stringify(events.map((event) => ({ ...event, cursor: undefined })));
    const heard = {
      wanted,
      code: failure?.extensions.code,
      begun: begun.map(({ kind }) => kind),
      events: byPool(events.map(asTold)),
    };
    const expectedEvents = told.map(({ kind, fact }) => ({
      kind,
      memoryId: fact.id,
      poolKey: fact.pool.key,
      memory: fact.status === 'FORGOTTEN' ? null : own(visit, fact),
    }));
    const hasPool = world.facts.some((fact) => oracle.sees(fact));
    const mayHave = world.pools.some((pool) => READS.some((action) => oracle.mightDo(action, pool)));
    const begins = hasPool || (mayHave && begun.length > 0);
    const expected = {
      wanted,
      code: 'ACCESS_REVOKED',
      begun: begins ? ['SCOPE_CHANGED'] : [],
      events: byPool(expectedEvents),
    };
    return [{ heard, expected, shown: [...new Set(told.map(({ fact }) => fact))], of: world.facts }];
  };
}

function isWanted(visit: Visit, { types, entityId }: Filter, fact: StoredFact): boolean {
  const view = own(visit, fact);
  return (!types || (types as unknown[]).includes(view['type'])) && (!entityId || view['entityId'] === entityId);
}

const asTold = ({ kind, memoryId, poolKey, memory }: FeedEvent) => ({
  kind,
  memoryId,
  poolKey: poolKey as string,
  memory: normal(memory as unknown as View | null),
});

const byPool = <T extends { poolKey: string }>(events: T[]) =>
  [...events].sort((a, b) => (a.poolKey < b.poolKey ? -1 : Number(a.poolKey > b.poolKey)));
