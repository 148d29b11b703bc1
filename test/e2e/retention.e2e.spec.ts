import { TrimLog } from '#feed';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';

const DAYS = 7;

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  // The tests trim, and the broker by itself not yet.
  api = await startTestApi({ FEED_RETENTION_DAYS: '36500' });
  coder = await api.agent('coder');
  // A pool that was made within a minute of a cursor is told from its first event.
  await sql(`update pool set created_at = created_at - interval '30 days'`);
});
beforeEach(() => age());
afterAll(() => api.close());

const sql = (text: string, values: unknown[] = []) => api.broker.database.maintenance(text, values);
const cursorNow = async () => (await coder.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;

/** All that is in the log was longer ago than it is kept. */
const age = () => sql(`update memory_event set occurred_at = occurred_at - interval '8 days'`);
const trim = () =>
  new TrimLog(api.broker.access, DAYS, (error) => {
    throw error;
  }).run();

interface Told {
  code: string | undefined;
  ids: (string | null)[];
}

/** What a subscriber hears from there, up to a memory that is written meanwhile, or to the end. */
async function resume(after: string): Promise<Told & { last: string }> {
  const feed = FeedReader.open(coder, { after });
  const last = await memorize(coder, { content: `the last one ${Math.random()}` });
  await feed.until((event) => event.memoryId === last).catch(() => undefined);
  await feed.close();
  return { code: feed.failures[0]?.extensions.code, ids: feed.events.map(({ memoryId }) => memoryId), last };
}

/** Stores memories. @returns their ids, and the cursors before the first and behind each of them */
async function write(count: number): Promise<{ ids: string[]; cursors: string[] }> {
  const ids: string[] = [];
  const cursors = [await cursorNow()];
  for (let i = 0; i < count; i++) {
    ids.push(await memorize(coder, { content: `one of many ${Math.random()}` }));
    cursors.push(await cursorNow());
  }
  return { ids, cursors };
}

describe('a cursor, when old events were trimmed', () => {
  it('has expired where it points into what is gone', async () => {
    const { cursors } = await write(3);
    await age();
    await write(2);
    expect(await trim()).toBeGreaterThanOrEqual(3);
    for (const cursor of cursors.slice(0, 3))
      expect(await resume(cursor)).toMatchObject({ code: 'CURSOR_EXPIRED', ids: [] });
  });

  it('goes on where it points to the edge, or behind it, and misses nothing', async () => {
    const { cursors: old } = await write(2);
    await age();
    const { ids, cursors } = await write(2);
    await trim();
    const fromEdge = await resume(old[2] as string);
    expect(fromEdge).toEqual({ code: undefined, ids: [...ids, fromEdge.last], last: fromEdge.last });
    const fromBehind = await resume(cursors[1] as string);
    expect(fromBehind.code).toBeUndefined();
    expect(fromBehind.ids).toEqual([ids[1], fromEdge.last, fromBehind.last]);
  });

  it('goes on where all of the log is gone and it had read all of it; else it has expired', async () => {
    const { cursors } = await write(2);
    await age();
    await trim();
    expect((await sql('select from memory_event')).rowCount).toBe(0);
    const behind = FeedReader.open(coder, { after: cursors[1] as string });
    expect(await behind.failure()).toMatchObject({ extensions: { code: 'CURSOR_EXPIRED' } });
    await behind.close();
    const fromEnd = await resume(cursors[2] as string);
    expect(fromEnd).toEqual({ code: undefined, ids: [fromEnd.last], last: fromEnd.last });
    const fromNow = await resume(await cursorNow());
    expect(fromNow).toMatchObject({ code: undefined, ids: [fromNow.last] });
  });

  it('of a running subscription is at the end of the log: it hears what comes next', async () => {
    const feed = await FeedReader.fromNow(coder);
    const before = await memorize(coder, { content: 'heard before the log was trimmed' });
    await feed.until(({ memoryId }) => memoryId === before);
    await age();
    await trim();
    const next = await memorize(coder, { content: 'heard behind what was trimmed' });
    await feed.until(({ memoryId }) => memoryId === next);
    expect(feed.events.map(({ memoryId }) => memoryId)).toEqual([before, next]);
    await feed.close();
  });
});

describe('trimming', () => {
  it('leaves memories as they are', async () => {
    const { ids } = await write(1);
    await age();
    await trim();
    const { memory } = await coder.ask<{ memory: { id: string } | null }>(`{ memory(id: "${ids[0]}") { id } }`);
    expect(memory).toEqual({ id: ids[0] });
  });
});
