import { CredentialsService, verifyAudit } from '#access';
import type { Embedders } from '#embedding';
import type { ChatModel } from '#llm';
import { CompleteService, EmbedBacklog, MemoryIndex, type MemoryFilterInput } from '#memory';
import { searches, session } from './searches.js';
import { ABOUT, COMMON, type Name, type Twins } from './twins.js';

/** One way into the database, as the sentence that its test is named by. */
export type Path = readonly [name: string, walk: (twins: Twins) => Promise<unknown>];

/** One rule for all pools of the tester, several for the reviewer's and coder's; the planner sees less, annie a pool of her own. */
const READERS: readonly Name[] = ['tester', 'reviewer', 'coder', 'planner', 'annie', 'admin'];

const FILTERS: Record<string, MemoryFilterInput | null> = {
  all: null,
  pools: { pools: ['shared'] },
  entity: { entityId: ABOUT.entityId },
  session: { sessionId: ABOUT.sessionId },
  labels: { labels: ABOUT.labels },
  held: { statuses: ['PROPOSED', 'FORGOTTEN'] },
};

async function readMemories({ broker, callers, allIds }: Twins, name: Name): Promise<void> {
  const [caller, ids] = [callers[name], await allIds];
  for (const id of ids) await broker.memories.memory(caller, id);
  for (const filter of Object.values(FILTERS)) {
    await broker.memories.memories(caller, { filter, first: 50 });
    await broker.memories.count(caller, filter);
  }
  await broker.memories.countByPool(caller);
  await broker.memories.histories(caller, ids);
  await broker.memories.writers(caller, ids);
  await broker.memories.sources(caller, ids);
  await broker.memories.byIds(caller, ids);
}

async function recall({ broker, callers, database, before }: Twins, name: Name): Promise<void> {
  const query = `${COMMON} revised`;
  await broker.recall.recall(callers[name], { query, limit: 100 });
  // From here on the pools are kept in memory; and what is taken in must be of one organisation, so both have changed.
  await broker.terms.settled();
  await database.maintenance('update memory set labels = labels');
  await broker.recall.recall(callers[name], { query, limit: 100 });
  await broker.recall.recall(callers[name], { query, pools: ['shared'], filter: FILTERS['entity'] });
  for (const asOf of [before, new Date(Date.now() - 1)])
    await broker.recall.recall(callers[name], { query, limit: 100, asOf, includeSuperseded: true });
}

async function complete({ broker, callers }: Twins, name: Name): Promise<void> {
  await broker.complete.complete(callers[name], { task: `What of the ${COMMON}?`, entityId: 'how' });
  const { access, recall, memorize } = broker;
  const answer = (text: string) => Promise.resolve({ answer: text, attempts: 1 });
  const model: ChatModel = {
    model: 'test',
    withinMs: 1_000,
    write: () => answer('so'),
    fill: () => Promise.reject(new Error('no form')),
  };
  const completions = new CompleteService(access, recall, memorize, model, () => undefined);
  await completions.complete(callers[name], { task: `What of the ${COMMON}?` });
}

/** Events from the beginning, and then whatever comes until the time is up. */
async function follow({ broker, callers }: Twins, name: Name, after: string | null, ms: number): Promise<number> {
  let events = 0;
  for await (const event of broker.feed.subscribe(callers[name], { after }, AbortSignal.timeout(ms)))
    if (event.memoryId) events++;
  return events;
}

async function readDirectory({ broker, callers }: Twins): Promise<void> {
  const ids = Object.values(callers).map(({ id }) => id);
  await broker.directory.roles(callers.coder);
  await broker.directory.agents(callers.admin);
  await broker.directory.keysOf(callers.admin, ids);
  await broker.directory.principals(callers.coder, ids);
}

async function rehearse({ broker, callers, ids }: Twins): Promise<void> {
  const { statements } = await broker.policies.policy(callers.admin, null);
  const conditional = {
    effect: 'ALLOW',
    roles: ['*'],
    actions: ['READ', 'REVIEW'],
    pools: ['*'],
    where: { entityId: { eq: 'entity' } },
  };
  await broker.simulate.simulate(callers.admin, [...statements, conditional]);
  const asked = { principalId: callers.tester.id, action: 'READ' as const };
  for (const memoryId of [ids.coders, ids.planners])
    await broker.explain.explain(callers.admin, { ...asked, memoryId });
}

async function readAudit({ broker, callers, database }: Twins): Promise<void> {
  const { entries } = await broker.audit.entries(callers.admin, { first: 5 });
  const after = broker.audit.cursorOf(entries[2] as (typeof entries)[number]);
  await broker.audit.entries(callers.admin, { first: 5, after });
  await verifyAudit(database, [], () => undefined);
}

async function readByTools({ broker, callers }: Twins, name: Name): Promise<void> {
  const [caller, { tools, poolResources }] = [callers[name], broker];
  await tools.call(caller, 'remember', { query: `${COMMON} revised`, max_results: 50 });
  await tools.call(caller, 'list_pools', {});
  const { pools } = await poolResources.list(caller, undefined);
  for (const { key } of pools) await poolResources.pool(caller, key);
}

async function readWebhooks({ broker, callers }: Twins): Promise<void> {
  for (const { id } of await broker.webhooks.list(callers.admin))
    await broker.webhooks.deadLetters(callers.admin, id, 10);
}

async function readConsolidations({ broker, callers }: Twins): Promise<void> {
  for (const caller of [callers.admin, callers.coder])
    for (const pool of [null, 'coder']) await broker.consolidation.runs(caller, { pool, first: 50 });
  for (const { id } of await broker.consolidation.runs(callers.admin, { first: 50 })) {
    await broker.consolidation.run(callers.admin, id);
    await broker.consolidation.changes(callers.admin, id, { first: 100, after: 0 });
  }
}

async function readPolicies({ broker, callers }: Twins): Promise<void> {
  await broker.policies.policy(callers.admin, null);
  await broker.policies.policy(callers.admin, 1);
  await broker.policies.versions(callers.admin);
}

const perReader = (what: string, walk: (twins: Twins, name: Name) => Promise<unknown>): Path[] =>
  READERS.map((name) => [`${what}, for the ${name}`, (twins) => walk(twins, name)]);

/** A new service gets a line here or in write-paths.ts: what it does is watched statement by statement. */
export const READ_PATHS: readonly Path[] = [
  ...perReader('the memories', readMemories),
  ...perReader('recall', recall),
  ...perReader('completing', complete),
  ...perReader('an extraction', ({ broker, callers, extraction }, name) =>
    broker.conversations.extraction(callers[name], extraction),
  ),
  ...perReader('a session of a recall', session),
  ...perReader('the feed from the beginning', (twins, name) => follow(twins, name, twins.cursor, 100)),
  ...perReader('a page of the feed', ({ broker, callers, cursor }, name) =>
    broker.feed.after(callers[name], {}, cursor, 100).then(() => undefined),
  ),
  ...perReader('what tools tell', readByTools),
  ['the feed that waits', (twins) => follow(twins, 'coder', null, 600)],
  ['the directory', readDirectory],
  ['the policies', readPolicies],
  ['the runs of a consolidation', readConsolidations],
  ['rehearsing a policy', rehearse],
  ['the audit log', readAudit],
  ['the webhooks', readWebhooks],
  [
    'loading the policy',
    ({ broker }) => Promise.resolve(broker.access.invalidate()).then(() => broker.access.pool('')),
  ],
  ['signing in', ({ broker, secrets }) => freshSignIn(broker, secrets.tester)],
  ['a vector that says another pool than its memory', nearestMisplaced],
  ['vectors in the index that pools share', (twins) => nearestInIndex(twins, 'SHARED')],
  ["vectors in a pool's own index", (twins) => nearestInIndex(twins, 'OWN')],
  ['finding the space of vectors', ({ broker }) => new MemoryIndex(broker.access, MODEL, () => undefined).space()],
  ['how many vectors are missing', ({ broker }) => broker.filler?.progress() ?? Promise.reject(new Error('no filler'))],
  ['the vectors that are missing', ({ broker, allIds }) => embedBacklog(broker, allIds)],
];

/** No way through the services makes one: so it is there for this search alone. */
async function nearestMisplaced(twins: Twins): Promise<void> {
  const { database, org, ids } = twins;
  const one = `(select m.memory_id from memory m join pool p on p.org_id = m.org_id and p.pool_id = m.pool_id
    where m.org_id = $1 and p.key = 'tester' and m.status = 'ACTIVE' order by m.memory_id limit 1)`;
  const move = (memory: string, pool: string) =>
    database.maintenance(
      `update memory_vector set pool_id = (select pool_id from pool where org_id = $1 and key = $2) where org_id = $1 and memory_id = ${memory}`,
      [org, pool],
    );
  const coders = `'${ids.coders}'`;
  await move(coders, 'reviewer');
  await move(one, 'coder');
  await searches(twins, 'tester');
  await move(coders, 'coder');
  await move(one, 'tester');
}

/** Here and there, as if the pools were large; their statements are the same whether or not Postgres finds an index. */
async function nearestInIndex(twins: Twins, tier: 'SHARED' | 'OWN'): Promise<void> {
  const { database, org, twin } = twins;
  const run = (text: string, ...values: unknown[]) => database.maintenance(text, [[org, twin], ...values]);
  const { rows: before } = await run(`select * from pool where org_id = any($1)`);
  const putBack = async () => {
    await run('update memory_vector set shared = false where org_id = any($1)');
    const text = `update pool p set vector_tier = old.vector_tier, vector_space = old.vector_space
      from jsonb_populate_recordset(null::pool, $2) old where p.org_id = any($1) and p.org_id = old.org_id and p.pool_id = old.pool_id`;
    await run(text, JSON.stringify(before));
  };
  const place = `update pool p set vector_tier = $2, vector_space = (select space_id from memory_vector v where v.org_id = p.org_id limit 1)
    where org_id = any($1)`;
  await run(place, tier);
  await run('update memory_vector set shared = $2 where org_id = any($1)', tier === 'SHARED');
  try {
    for (const name of READERS) await searches(twins, name);
  } finally {
    await putBack();
  }
}

const MODEL: Embedders = {
  model: 'test',
  askedDimensions: null,
  of: () => ({ model: 'test', embed: (texts) => Promise.resolve(texts.map(() => [1])) }),
  measure: () => Promise.resolve(1),
};

async function freshSignIn({ access }: Twins['broker'], secret: string): Promise<void> {
  await new CredentialsService(access, undefined).authenticate(secret);
}

async function embedBacklog({ access }: Twins['broker'], allIds: Promise<string[]>): Promise<void> {
  const backlog = new EmbedBacklog(access, new MemoryIndex(access, MODEL, () => undefined));
  await backlog.embed({ memoryIds: await allIds });
}
