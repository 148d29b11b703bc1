import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader, type FeedEvent } from '../support/feed.js';
import { allMemories, memorize } from '../support/memories.js';
import { FORGET, REVISE } from '../support/world.js';

const MANY = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { memory { id } } } }';

let api: TestApi;
let planner: TestClient;
let coder: TestClient;
let reviewer: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  coder = await api.agent('coder');
  reviewer = await api.agent('reviewer');
});
afterAll(() => api.close());

const cursorOf = async (client: TestClient): Promise<string> =>
  (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
const withoutCursor = ({ cursor, ...event }: FeedEvent) => {
  expect(cursor).toMatch(/^[\w-]+$/);
  return event;
};
const memoryIds = (events: readonly FeedEvent[]) => events.map(({ memoryId }) => memoryId);

async function memorizeMany(client: TestClient, count: number, input: (index: number) => object): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 100) {
    const inputs = Array.from({ length: Math.min(100, count - from) }, (_, index) => ({
      type: 'EPISODIC',
      ...input(from + index),
    }));
    const answer = await client.ask<{ memorizeMany: { results: { memory: { id: string } }[] } }>(MANY, { inputs });
    ids.push(...answer.memorizeMany.results.map(({ memory }) => memory.id));
  }
  return ids;
}

/** What the log itself says, pool by pool. */
async function logged(poolKey: string): Promise<string[]> {
  const text = `select e.memory_id as id from memory_event e join pool p on p.pool_id = e.pool_id where p.key = $1 order by e.seq`;
  return (await api.broker.database.maintenance<{ id: string }>(text, [poolKey])).rows.map(({ id }) => id);
}

describe('a list and a feed from the cursor before it', () => {
  it('miss nothing and repeat nothing, however many write meanwhile', async () => {
    const writers = [planner, planner, coder, reviewer];
    const written: string[] = [];
    const pools = ['shared', 'planner', 'coder', 'shared'];
    let writing = true;
    const busy = writers.map(async (writer, index) => {
      for (let n = 0; n < 25; n++)
        written.push(await memorize(writer, { content: `busy ${index} ${n}`, pool: pools[index] }));
    });
    const allWritten = Promise.all(busy).then(() => (writing = false));

    while (written.length < 15) await new Promise(setImmediate);
    const after = await cursorOf(coder);
    const { memories } = await allMemories(coder, { statuses: ['ACTIVE', 'PROPOSED'] }, 100);
    const feed = FeedReader.open(coder, { after });
    expect(writing).toBe(true);
    await allWritten;
    const last = await memorize(planner, { content: 'the last of all', pool: 'shared' });
    const events = await feed.until(({ memoryId }) => memoryId === last);
    await feed.close();

    const told = memoryIds(events) as string[];
    expect(new Set([...memories.map(({ id }) => id), ...told])).toEqual(new Set([...written, last]));
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(new Set(told).size).toBe(told.length);
    for (const pool of ['shared', 'planner', 'coder']) {
      const ofPool = memoryIds(events.filter(({ poolKey }) => poolKey === pool));
      expect(ofPool).toEqual((await logged(pool)).slice(-ofPool.length));
    }
  });
});

describe('the cursor of an event', () => {
  let start: string;
  let events: FeedEvent[];
  beforeAll(async () => {
    start = await cursorOf(coder);
    for (let n = 0; n < 4; n++) {
      for (const pool of ['planner', 'shared']) await memorize(planner, { content: `step ${n} in ${pool}`, pool });
      await memorize(coder, { content: `step ${n} in coder` });
    }
    const feed = FeedReader.open(coder, { after: start });
    events = await feed.until(({ memory }) => memory?.content === 'step 3 in coder');
    await feed.close();
    expect(events).toHaveLength(12);
  });

  it('lets another connection go on exactly behind it, with the same ids', async () => {
    for (const [place, { cursor }] of events.slice(0, -1).entries()) {
      const feed = FeedReader.open(coder, { after: cursor });
      const rest = await feed.until(({ memory }) => memory?.content === 'step 3 in coder');
      await feed.close();
      expect(rest.map(withoutCursor)).toEqual(events.slice(place + 1).map(withoutCursor));
    }
  });

  it('is good for another choice of pools and for another reader, each told what is theirs', async () => {
    const { cursor } = events[0] as FeedEvent;
    const feed = FeedReader.open(coder, { after: cursor, pools: ['coder'] });
    const rest = await feed.until(({ memory }) => memory?.content === 'step 3 in coder');
    await feed.close();
    expect(rest.map(({ id }) => id)).toEqual(events.filter(({ poolKey }) => poolKey === 'coder').map(({ id }) => id));

    const others = FeedReader.open(planner, { after: cursor });
    const told = await others.until(({ memory }) => memory?.content === 'step 3 in shared');
    await others.close();
    // To the other reader the coder's pool, of which the cursor tells, is lost.
    expect(told.shift()?.kind).toBe('SCOPE_CHANGED');
    expect(told.map(({ id }) => id)).toEqual(
      events
        .slice(1)
        .filter(({ poolKey }) => poolKey !== 'coder')
        .map(({ id }) => id),
    );
  });
});

describe('an event', () => {
  it('tells what was memorized, proposed, revised and forgotten', async () => {
    const feed = await FeedReader.fromNow(coder);
    const id = await memorize(coder, { content: 'The first draft' });
    const proposed = await memorize(coder, { content: 'What all should know', pool: 'shared' });
    await feed.until(({ memoryId }) => memoryId === proposed);
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'The second draft' } });
    await feed.until(({ kind }) => kind === 'REVISED');
    await coder.ask(FORGET, { id });
    const events = await feed.until(({ kind }) => kind === 'FORGOTTEN');
    await feed.close();
    expect(
      events.map(({ kind, memoryId, poolKey, memory }) => [
        kind,
        memoryId,
        poolKey,
        memory && memory.content,
        memory && memory.status,
      ]),
    ).toEqual([
      ['MEMORIZED', id, 'coder', 'The first draft', 'ACTIVE'],
      ['PROPOSED', proposed, 'shared', 'What all should know', 'PROPOSED'],
      ['REVISED', id, 'coder', 'The second draft', 'ACTIVE'],
      ['FORGOTTEN', id, 'coder', null, null],
    ]);
  });

  it('told late says nothing that was forgotten since', async () => {
    const after = await cursorOf(coder);
    const id = await memorize(coder, { content: 'A slip of the tongue' });
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'A slip of the pen' } });
    await coder.ask(FORGET, { id });
    const feed = FeedReader.open(coder, { after });
    const events = await feed.until(({ kind }) => kind === 'FORGOTTEN');
    await feed.close();
    expect(events.map(({ memory }) => memory)).toEqual([null, null, null]);
    expect(JSON.stringify(events)).not.toContain('A slip');
  });

  it('is not made by a duplicate, by a repeated key or by forgetting again', async () => {
    const feed = await FeedReader.fromNow(coder);
    const input = { content: 'Said twice', idempotencyKey: 'once' };
    const id = await memorize(coder, input);
    expect(await memorize(coder, input)).toBe(id);
    expect(await memorize(coder, { content: 'Said twice' })).toBe(id);
    await coder.ask(FORGET, { id });
    await coder.ask(FORGET, { id });
    const last = await memorize(coder, { content: 'Said once' });
    const events = await feed.until(({ memoryId }) => memoryId === last);
    await feed.close();
    expect(memoryIds(events)).toEqual([id, id, last]);
  });
});

describe('a feed of some', () => {
  it('tells of the pools, the types and the entity that were asked for', async () => {
    const after = await cursorOf(coder);
    const written: Record<string, string> = {};
    for (const type of ['EPISODIC', 'PROCEDURAL']) {
      for (const entityId of ['alpha', 'beta']) {
        for (const pool of ['planner', 'shared']) {
          const name = `${pool} ${type} ${entityId}`;
          written[name] = await memorize(planner, { content: `some: ${name}`, type, entityId, pool });
        }
      }
    }
    for (const [input, isMeant] of [
      [{ pools: ['planner'] }, (name: string) => name.includes('planner')],
      [{ types: ['PROCEDURAL'] }, (name: string) => name.includes('PROCEDURAL')],
      [{ entityId: 'beta' }, (name: string) => name.includes('beta')],
      [
        { pools: ['shared'], types: ['EPISODIC', 'PROCEDURAL'], entityId: 'alpha' },
        (name: string) => /shared .* alpha/.test(name),
      ],
    ] as const) {
      const expected = Object.entries(written).flatMap(([name, id]) => (isMeant(name) ? id : []));
      const feed = FeedReader.open(coder, { ...input, after });
      const events = await feed.until(({ memoryId }) => memoryId === expected.at(-1));
      await feed.close();
      expect(memoryIds(events)).toEqual(expected);
    }
  });

  it('comes through a long backlog whole, and says how far it came where none of it was meant', async () => {
    const after = await cursorOf(coder);
    const ids = await memorizeMany(planner, 700, (index) => ({
      content: `backlog ${index}`,
      entityId: index === 650 ? 'rare' : 'common',
    }));
    const [all, rare] = [FeedReader.open(coder, { after }), FeedReader.open(coder, { after, entityId: 'rare' })];
    expect(memoryIds(await all.until(({ memoryId }) => memoryId === ids.at(-1)))).toEqual(ids);
    const events = await rare.until(({ memoryId }) => memoryId !== null);
    expect(memoryIds(events.filter(({ kind }) => kind === 'MEMORIZED'))).toEqual([ids[650]]);
    const checkpoints = events.filter(({ kind }) => kind === 'CHECKPOINT');
    expect(checkpoints.length).toBeGreaterThan(0);
    await Promise.all([all.close(), rare.close()]);

    const goingOn = FeedReader.open(coder, { after: checkpoints.at(-1)?.cursor, entityId: 'rare' });
    expect(memoryIds(await goingOn.until(({ memoryId }) => memoryId !== null))).toContain(ids[650]);
    await goingOn.close();
  });
});
