import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { allMemories, memoriesByIds, MEMORIZE, memorize, recall } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy, type Statement } from '../support/policy.js';

const FIELDS = ['author', 'content', 'entityId', 'labels', 'metadata', 'sessionId', 'speaker'] as const;
const NOTE = {
  content: 'The vault opens at noon',
  entityId: 'vault',
  sessionId: 'session-7',
  speaker: 'Grace',
  labels: ['treasure'],
  metadata: { code: 4711 },
  type: 'DECLARATIVE',
};
/** One filter a field, that finds the note by what stands in it. */
const filters = (authorId: string): Record<string, Record<string, unknown>> => ({
  author: { authorId },
  entityId: { entityId: NOTE.entityId },
  labels: { labels: NOTE.labels },
  metadata: { metadata: { code: { gte: 4711 } } },
  sessionId: { sessionId: NOTE.sessionId },
});

let api: TestApi;
let planner: TestClient & { id: string };
let coder: TestClient;
let defaults: Statement[];
let id: string;
let childId: string;
let beginning: string;

beforeAll(async () => {
  api = await startTestApi();
  [planner, coder] = [await api.agent('planner'), await api.agent('coder')];
  defaults = (await activePolicy(api.admin)).statements;
  beginning = (await coder.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
  id = await memorize(planner, NOTE);
  childId = await memorize(planner, { content: 'Where the treasure is', pool: 'shared', derivedFrom: [id] });
});
afterAll(() => api.close());

const show = 'id content entityId sessionId speaker labels metadata author { id } maskedFields';
interface Shown extends Record<(typeof FIELDS)[number], unknown> {
  maskedFields: string[];
  history?: { content: string }[];
}
/** The note on three paths: by its id, in the list, and as a source. */
async function shownToCoder(): Promise<Shown[]> {
  const query = `query ($id: ID!, $childId: ID!) { memory(id: $id) { ${show} history { content } } child: memory(id: $childId) { derivedFrom { ${show} } }
    memories(filter: {pools: ["planner"]}) { nodes { ${show} history { content } } } }`;
  type All = { memory: Shown; child: { derivedFrom: Shown[] }; memories: { nodes: Shown[] } };
  const { memory, child, memories } = await coder.ask<All>(query, { id, childId });
  return [memory, ...child.derivedFrom, ...memories.nodes.filter((node) => (node as { id?: string }).id === id)];
}

describe.each([
  ['an allow that shows only content', allow('coder', ['READ'], ['planner'], { fields: ['content'] }), ['content']],
  [
    'an allow that shows content and author',
    allow('coder', ['READ'], ['planner'], { fields: ['author', 'content'] }),
    ['author', 'content'],
  ],
  ['an allow that shows only labels', allow('coder', ['READ'], ['planner'], { fields: ['labels'] }), ['labels']],
  [
    'an allow of all but what tells who',
    allow('coder', ['READ'], ['planner'], { fields: ['content', 'labels', 'metadata'] }),
    ['content', 'labels', 'metadata'],
  ],
])('under %s', (_, statement, visible) => {
  const masked = FIELDS.filter((field) => !visible.includes(field));
  const isShown = (field: string) => visible.includes(field);
  beforeAll(() => editPolicy(api.admin, () => [...defaults.filter((one) => one.id !== 'coder-planner'), statement]));

  it('the role that the author had is shown with the author alone', async () => {
    const memory = await api.broker.memories.memory(await api.broker.credentials.authenticate(coder.key), id);
    expect(memory?.authorRole).toBe(isShown('author') ? 'planner' : null);
  });

  it('the other fields are null and named, on every path', async () => {
    const copies = await shownToCoder();
    expect(copies).toHaveLength(3);
    const whole: Record<string, unknown> = { ...NOTE, author: { id: planner.id } };
    for (const copy of copies) {
      expect([...copy.maskedFields].sort()).toEqual(masked);
      for (const field of FIELDS) expect(copy[field]).toEqual(isShown(field) ? whole[field] : null);
    }
    // Every version names who wrote it, so the history needs both.
    const versions = isShown('content') && isShown('author') ? [{ content: NOTE.content }] : [];
    expect(copies.map(({ history }) => history)).toEqual([versions, undefined, versions]);
  });

  it('a filter on a hidden field matches nothing, one on a shown field does', async () => {
    for (const [field, filter] of Object.entries(filters(planner.id))) {
      const { memories, totalCount } = await allMemories(coder, { ...filter, pools: ['planner'] });
      expect([field, memories.map((memory) => memory.id), totalCount]).toEqual([
        field,
        isShown(field) ? [id] : [],
        isShown(field) ? 1 : 0,
      ]);
    }
  });

  it('recall finds it only by content that is shown, and gives none that is hidden into the context', async () => {
    const { hits, context } = await recall(coder, 'When does the vault open? At noon?', { pools: ['planner'] });
    expect(hits.map(({ memory }) => memory.id)).toEqual(isShown('content') ? [id] : []);
    expect(context.includes(NOTE.content)).toBe(isShown('content'));
    const byEntity = await recall(coder, 'vault', { pools: ['planner'], entityId: NOTE.entityId });
    expect(byEntity.hits.map(({ memory }) => memory.id)).toEqual(isShown('content') && isShown('entityId') ? [id] : []);
  });

  it('the feed tells of it with the same fields hidden, and not at all by a hidden entity', async () => {
    const feed = FeedReader.open(coder, { after: beginning, pools: ['planner'] });
    const byEntity = FeedReader.open(coder, { after: beginning, entityId: NOTE.entityId });
    const [event] = (await feed.until(({ memoryId }) => memoryId === id)).slice(-1);
    expect(event?.memory?.content).toBe(isShown('content') ? NOTE.content : null);
    expect([...(event?.memory?.maskedFields ?? [])].sort()).toEqual(masked);
    const last = await memorize(planner, { ...NOTE, content: `Again ${Math.random()}`, pool: 'shared' });
    const events = await byEntity.until(({ memoryId }) => memoryId === last);
    expect(events.some(({ memoryId }) => memoryId === id)).toBe(isShown('entityId'));
    await Promise.all([feed.close(), byEntity.close()]);
  });
});

describe('under a denial of one field', () => {
  beforeAll(() =>
    editPolicy(api.admin, () => [
      ...defaults,
      deny('coder', ['READ'], ['planner'], { fields: ['content'], where: { labels: { contains: 'treasure' } } }),
    ]),
  );

  it('the row stays and the field is gone, where the condition holds', async () => {
    const plainId = await memorize(planner, { content: 'The vault closes at one', labels: ['plain'] });
    const [hidden, plain] = await memoriesByIds(coder, [id, plainId]);
    expect(hidden).toMatchObject({ content: null, maskedFields: ['content'], history: [] });
    expect(plain).toMatchObject({ content: 'The vault closes at one', maskedFields: [] });
    const { hits } = await recall(coder, 'vault', { pools: ['planner'] });
    expect(hits.map(({ memory }) => memory.id)).toEqual([plainId]);
  });
});

describe('whoever may write and not read', () => {
  it('is answered as the author of what it wrote, however often', async () => {
    await editPolicy(api.admin, () => [...defaults, allow('coder', ['WRITE'], ['reviewer'])]);
    const reviewer = await api.agent('reviewer');
    await memorize(reviewer, { content: 'Nobody else may know' });
    const send = async (content: string) => {
      const input = { content, type: 'EPISODIC', pool: 'reviewer' };
      return (await coder.ask<{ memorize: { outcome: string } }>(MEMORIZE, { input })).memorize.outcome;
    };
    for (const content of ['Nobody else may know', 'Only the coder wrote this']) {
      expect([await send(content), await send(content), await send(content)]).toEqual([
        'CREATED',
        'DUPLICATE',
        'DUPLICATE',
      ]);
    }
  });
});

describe('whoever may write where content is hidden', () => {
  const guess = { content: NOTE.content, entityId: NOTE.entityId, type: 'DECLARATIVE', pool: 'planner' };
  const hideContent = deny('coder', ['READ'], ['planner'], { fields: ['content'] });
  const outcomeOf = async (input: object) =>
    (await coder.ask<{ memorize: { outcome: string; memory: { id: string } } }>(MEMORIZE, { input })).memorize;

  it('is not told that a guess was right by a duplicate', async () => {
    await editPolicy(api.admin, () => [...defaults, hideContent, allow('coder', ['WRITE'], ['planner'])]);
    const stored = await outcomeOf(guess);
    expect(stored.outcome).toBe('CREATED');
    expect(stored.memory.id).not.toBe(id);
  });

  it('nor by the duplicate of a proposal', async () => {
    await editPolicy(api.admin, () => [...defaults, hideContent, allow('coder', ['PROPOSE'], ['planner'])]);
    expect((await outcomeOf(guess)).outcome).toBe('PROPOSED');
  });

  it('nor by the conflict of a revision, though the very row be hidden', async () => {
    const onlyOwn = allow('coder', ['READ', 'WRITE', 'REVISE'], ['reviewer'], {
      where: { labels: { contains: 'ours' } },
    });
    await editPolicy(api.admin, () => [...defaults, onlyOwn]);
    const reviewer = await api.agent('reviewer');
    await memorize(reviewer, { content: 'The answer is 42' });
    const input = { content: 'The answer is unknown', labels: ['ours'], pool: 'reviewer' };
    const ownId = await memorize(coder, input);
    const revise = 'mutation ($input: ReviseInput!) { revise(input: $input) { content version } }';
    for (const [version, content] of [
      [1, 'The answer is 41'],
      [2, 'The answer is 42'],
    ] as const) {
      const revised = await coder.ask(revise, { input: { id: ownId, expectedVersion: version, content } });
      expect(revised).toEqual({ revise: { content, version: version + 1 } });
    }
  });
});
