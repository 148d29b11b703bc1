import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { allMemories, everywhere, memorize, recall, shownByPath, TYPES } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy, type Statement } from '../support/policy.js';

let api: TestApi;
let planner: TestClient;
let coder: TestClient & { id: string };
let defaults: Statement[];
/** What the planner wrote into its own pool, and a memory in the shared pool that was made from all of it. */
let notes: Note[];
let childId: string;
/** Where the coder stood before all of it was written. */
let beginning: string;

interface Note {
  id: string;
  type: string;
  entityId: string | null;
  labels: string[];
  importance: string;
}

beforeAll(async () => {
  api = await startTestApi();
  [planner, coder] = [await api.agent('planner'), await api.agent('coder')];
  defaults = (await activePolicy(api.admin)).statements;
  beginning = await cursorOf(coder);
  notes = [];
  for (const type of TYPES) {
    for (const [entityId, label, importance] of [
      ['alpha', 'public', 'HIGH'],
      ['beta', 'secret', 'LOW'],
      [null, 'public', 'MEDIUM'],
    ] as const) {
      const content = `The voyage of ${entityId}, ${type} and ${label}`;
      const note = { type, entityId, labels: [label, 'any'], importance };
      notes.push({ ...note, id: await memorize(planner, { ...note, content }) });
    }
  }
  childId = await memorize(planner, { content: 'All of it', pool: 'shared', derivedFrom: notes.map(({ id }) => id) });
}, 60_000);
afterEach(() => editPolicy(api.admin, () => defaults));
afterAll(() => api.close());

const cursorOf = async (client: TestClient): Promise<string> =>
  (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
const shown = (client: TestClient) => shownByPath(client, { ids: notes.map(({ id }) => id), childId, query: 'voyage' });
const countIn = async (client: TestClient, key: string): Promise<number | undefined> => {
  const query = 'query ($key: String!) { pool(key: $key) { memoryCount } }';
  return (await client.ask<{ pool: { memoryCount: number } | null }>(query, { key })).pool?.memoryCount;
};
/** The default policy with one statement in another's place. */
const instead = (id: string, statement: Statement) =>
  editPolicy(api.admin, () => [...defaults.filter((one) => one.id !== id), statement]);
const also = (...statements: Statement[]) => editPolicy(api.admin, () => [...defaults, ...statements]);

/** The notes that a feed from the beginning tells the coder of. */
async function told(input: Record<string, unknown> = {}): Promise<string[]> {
  const feed = FeedReader.open(coder, { ...input, after: beginning });
  const lastId = await memorize(planner, {
    content: `The end ${Math.random()}`,
    pool: 'shared',
    entityId: 'alpha',
    type: 'PROCEDURAL',
  });
  const events = await feed.until(({ memoryId }) => memoryId === lastId);
  await feed.close();
  const ids = new Set(events.map(({ memoryId }) => memoryId));
  return notes.map(({ id }) => id).filter((id) => ids.has(id));
}

describe('a denial of READ', () => {
  it('binds the very next answer, on every path', async () => {
    const all = notes.map(({ id }) => id);
    expect(await shown(coder)).toEqual(everywhere(all));
    expect(await countIn(coder, 'planner')).toBe(notes.length);
    await also(deny('coder', ['READ'], ['planner']));
    expect(await shown(coder)).toEqual(everywhere([]));
    expect(await countIn(coder, 'planner')).toBeUndefined();
    expect(await told()).toEqual([]);
    expect(await shown(planner)).toEqual(everywhere(all));
  });

  it('overrides every allow, wherever it stands among the statements', async () => {
    await editPolicy(api.admin, () => [deny('*', ['READ'], ['planner']), ...defaults, allow('coder', ['READ'], ['*'])]);
    expect(await shown(coder)).toEqual(everywhere([]));
    expect(await shown(planner)).toEqual(everywhere([]));
  });

  it('silences a feed in mid-stream, after it has said that something changed', async () => {
    const feed = await FeedReader.fromNow(coder);
    const before = await memorize(planner, { content: 'Told before the edit' });
    await feed.until(({ memoryId }) => memoryId === before);
    await also(deny('coder', ['READ'], ['planner']));
    await feed.until(({ kind }) => kind === 'SCOPE_CHANGED');
    const unheard = await memorize(planner, { content: 'Written after the edit' });
    const last = await memorize(planner, { content: 'Shared after the edit', pool: 'shared' });
    const events = await feed.until(({ memoryId }) => memoryId === last);
    expect(events.map(({ kind, memoryId }) => [kind, memoryId])).toEqual([
      ['MEMORIZED', before],
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', last],
    ]);
    expect(events.map(({ memoryId }) => memoryId)).not.toContain(unheard);
    await feed.close();
  });
});

describe('a condition', () => {
  const cases: [string, Statement['effect'], Record<string, unknown>, (note: Note) => boolean][] = [
    ['a type', 'ALLOW', { type: { eq: 'PROCEDURAL' } }, ({ type }) => type === 'PROCEDURAL'],
    ['several types', 'ALLOW', { type: { in: ['EPISODIC', 'DECLARATIVE'] } }, ({ type }) => type !== 'PROCEDURAL'],
    ['an entity', 'ALLOW', { entityId: { eq: 'alpha' } }, ({ entityId }) => entityId === 'alpha'],
    // What is null is neither equal nor unequal to anything.
    ['another entity', 'ALLOW', { entityId: { ne: 'alpha' } }, ({ entityId }) => entityId === 'beta'],
    ['a label', 'ALLOW', { labels: { contains: 'public' } }, ({ labels }) => labels.includes('public')],
    ['importance', 'ALLOW', { importance: { gte: 'MEDIUM' } }, ({ importance }) => importance !== 'LOW'],
    [
      'both of two',
      'ALLOW',
      { type: { ne: 'EPISODIC' }, labels: { containsAny: ['secret', 'none'] } },
      ({ type, labels }) => type !== 'EPISODIC' && labels.includes('secret'),
    ],
    ['the past', 'ALLOW', { createdAt: { lt: '2020-01-01T00:00:00Z' } }, () => false],
    ['a denied label', 'DENY', { labels: { contains: 'secret' } }, ({ labels }) => !labels.includes('secret')],
    // A denial that may apply does: nobody knows what the ones without an entity are about.
    ['a denied entity', 'DENY', { entityId: { eq: 'beta' } }, ({ entityId }) => entityId === 'alpha'],
  ];

  it.each(cases)('on %s (%s) holds on every path', async (_, effect, where, expected) => {
    if (effect === 'ALLOW') await instead('coder-planner', allow('coder', ['READ'], ['planner'], { where }));
    else await also(deny('coder', ['READ'], ['planner'], { where }));
    const ids = notes.filter(expected).map(({ id }) => id);
    expect(await shown(coder)).toEqual(everywhere(ids));
    const { memories, totalCount } = await allMemories(coder, { pools: ['planner'] });
    const inPlanner = memories.map(({ id }) => id).filter((id) => notes.some((note) => note.id === id));
    expect(inPlanner.sort()).toEqual([...ids].sort());
    expect([memories.length, await countIn(coder, 'planner')]).toEqual([totalCount, totalCount]);
    expect(await told()).toEqual(ids);
  });

  it('is refused where one statement could not ask for all that is left of many, and takes a list of as many', async () => {
    const each = (where: (nth: number) => Record<string, unknown>, count: number) =>
      Array.from({ length: count }, (_, nth) => allow('coder', ['READ'], ['planner'], { where: where(nth) }));
    const pairs = each((nth) => ({ entityId: { eq: `e${nth}` }, speaker: { eq: `s${nth}` } }), 2_600);
    await expect(also(...pairs)).rejects.toThrow(/BAD_INPUT.*input\.statements|input\.statements.*BAD_INPUT/);
    const list = each((nth) => ({ entityId: { eq: nth ? `e${nth}` : 'alpha' } }), 5_200);
    await editPolicy(api.admin, () => [...defaults.filter(({ id }) => id !== 'coder-planner'), ...list]);
    const { hits } = await recall(coder, 'voyage', { pools: ['planner'] });
    const alphas = notes.filter(({ entityId }) => entityId === 'alpha').map(({ id }) => id);
    expect(hits.map(({ memory }) => memory.id).sort()).toEqual(alphas.sort());
  });

  it('decides which memories may be written, revised and forgotten too', async () => {
    await also(allow('coder', ['WRITE', 'REVISE', 'FORGET'], ['planner'], { where: { labels: { contains: 'ours' } } }));
    const query = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { memory { id } } }';
    const input = { content: 'The deal', type: 'DECLARATIVE', pool: 'planner' };
    expect(await coder.code(query, { input })).toBe('FORBIDDEN');
    const id = await memorize(coder, { ...input, labels: ['ours'] });
    const revise = 'mutation ($input: ReviseInput!) { revise(input: $input) { version } }';
    const forget = 'mutation ($id: ID!) { forget(id: $id) { id } }';
    expect(await coder.code(revise, { input: { id, expectedVersion: 1, labels: [] } })).toBe('FORBIDDEN');
    expect(await coder.ask(revise, { input: { id, expectedVersion: 1, content: 'The new deal' } })).toEqual({
      revise: { version: 2 },
    });
    expect(await coder.code(forget, { id: notes[0]?.id })).toBe('FORBIDDEN');
    expect(await coder.ask(forget, { id })).toEqual({ forget: { id } });
  });
});

describe('an expiry', () => {
  it('in the past leaves a statement without effect', async () => {
    await instead('coder-planner', allow('coder', ['READ'], ['planner'], { expiresAt: '2020-01-01T00:00:00Z' }));
    expect(await shown(coder)).toEqual(everywhere([]));
  });

  it('ends an allow and a feed that lives from it at its moment, without any edit', async () => {
    const expiresAt = new Date(Date.now() + 2_500);
    await instead('coder-planner', allow('coder', ['READ'], ['planner'], { expiresAt: expiresAt.toISOString() }));
    const feed = FeedReader.open(coder, { pools: ['planner'] });
    const read = async () =>
      (await coder.ask<{ memory: object | null }>('query ($id: ID!) { memory(id: $id) { id } }', { id: notes[0]?.id }))
        .memory;
    for (;;) {
      const askedAt = new Date();
      const memory = await read();
      if (memory) expect(askedAt < expiresAt).toBe(true);
      else {
        expect(new Date() >= expiresAt).toBe(true);
        break;
      }
    }
    await memorize(planner, { content: 'Too late to be told' });
    expect(await feed.failure()).toMatchObject({ extensions: { code: 'ACCESS_REVOKED' } });
    expect(feed.events).toEqual([]);
    expect(await shown(coder)).toEqual(everywhere([]));
    await feed.close();
  });
});

describe('a new role', () => {
  it('sees nothing until a statement names it, and then at once what that gives', async () => {
    await api.admin.ask('mutation { createRole(input: {key: "guest"}) { key } }');
    const guest = await api.agent('guest');
    const everything =
      '{ pools { key } memories { totalCount nodes { id } } recall(input: {query: "voyage"}) { hits { rank } searchedPools context } }';
    const nothing = {
      pools: [],
      memories: { totalCount: 0, nodes: [] },
      recall: { hits: [], searchedPools: [], context: '' },
    };
    expect(await guest.ask(everything)).toEqual(nothing);
    expect(await shown(guest)).toEqual(everywhere([]));
    await also(allow('guest', ['READ'], ['planner', 'shared']));
    expect(await shown(guest)).toEqual(everywhere(notes.map(({ id }) => id)));
    expect((await recall(guest, 'voyage')).searchedPools).toEqual(['planner', 'shared']);
  });
});
