import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';
import { RawSocket, type Frame } from '../support/raw-socket.js';

type Agent = TestClient & { id: string };

let api: TestApi;
let planner: Agent;
let coder: Agent;
let otherCoder: Agent;
let reviewer: Agent;
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  coder = await api.agent('coder', { privatePool: true });
  otherCoder = await api.agent('coder');
  reviewer = await api.agent('reviewer');
});
afterAll(() => api.close());

const sql = (text: string, values: unknown[] = []) => api.broker.database.maintenance(text, values);
const cursorOf = async (client: TestClient): Promise<string> =>
  (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
const FEED =
  'subscription ($after: String) { memoryFeed(input: {after: $after}) { kind memoryId memory { content } } }';

interface Told {
  kind: string;
  memoryId: string | null;
  memory: { content: string } | null;
}
const toldBy = (frames: readonly Frame[]): Told[] =>
  frames
    .filter(({ type }) => type === 'next')
    .map(({ payload }) => (payload as { data: { memoryFeed: Told } }).data.memoryFeed);

async function write(count: number, name: string, pool = 'shared'): Promise<string[]> {
  const many = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { memory { id } } } }';
  const ids: string[] = [];
  for (let from = 0; from < count; from += 100) {
    const inputs = Array.from({ length: Math.min(100, count - from) }, (_, nth) => ({
      content: `${name} ${from + nth}`,
      type: 'EPISODIC',
      pool,
    }));
    const answer = await planner.ask<{ memorizeMany: { results: { memory: { id: string } }[] } }>(many, { inputs });
    ids.push(...answer.memorizeMany.results.map(({ memory }) => memory.id));
  }
  return ids;
}

describe('subscribers that see alike', () => {
  it('hear the same, but for what one of them only sees as its author', async () => {
    const feeds = await Promise.all([coder, otherCoder, reviewer].map((client) => FeedReader.fromNow(client)));
    const [own, others, review] = feeds as [FeedReader, FeedReader, FeedReader];
    const first = await memorize(planner, { content: 'for all of them', pool: 'shared' });
    const proposed = await memorize(coder, { content: 'proposed by one of them', pool: 'shared' });
    const last = await memorize(planner, { content: 'for all of them again', pool: 'shared' });
    const idsOf = async (feed: FeedReader) =>
      (await feed.until(({ memoryId }) => memoryId === last)).map(({ memoryId }) => memoryId);
    expect(await idsOf(own)).toEqual([first, proposed, last]);
    expect(await idsOf(others)).toEqual([first, last]);
    expect(await idsOf(review)).toEqual([first, proposed, last]);
    await Promise.all(feeds.map((feed) => feed.close()));
  });

  it('are each told of relations as they see them themselves', async () => {
    const source = await memorize(coder, { content: 'what only one of them knows', pool: `agent:${coder.id}` });
    // Their pools are others, and so the two would not be told together; named, they are the same.
    const open = async (client: TestClient) =>
      FeedReader.open(
        client,
        { after: await cursorOf(client), pools: ['coder'] },
        undefined,
        'id content status maskedFields pool { key } derivedFrom { content }',
      );
    const [own, others] = [await open(coder), await open(otherCoder)];
    const id = await memorize(coder, { content: 'made from it', derivedFrom: [source] });
    const told = async (feed: FeedReader) => (await feed.until(({ memoryId }) => memoryId === id)).at(-1)?.memory;
    expect(await told(own)).toMatchObject({ derivedFrom: [{ content: 'what only one of them knows' }] });
    expect(await told(others)).toMatchObject({ derivedFrom: [] });
    await Promise.all([own.close(), others.close()]);
  });

  it('lose nothing that only they see as its author, however often they come while others are told', async () => {
    // An author's name is looked up, so that what is told takes a moment to be put into words.
    const words = 'id content status maskedFields pool { key } author { name }';
    const input = { pools: ['shared'] };
    const others = [1, 2, 3].map(() => FeedReader.open(otherCoder, input, undefined, words));
    let after = await cursorOf(coder);
    let writing = true;
    const written: string[] = [];
    const writers = [0, 1].map(async (writer) => {
      for (let nth = 0; writing; nth++)
        written.push(await memorize(coder, { content: `a proposal ${writer}.${nth}`, pool: 'shared' }));
    });
    const told = new Set<string | null>();
    for (let visit = 0; visit < 40; visit++) {
      const feed = FeedReader.open(coder, { ...input, after }, undefined, words);
      await feed.until(({ kind }) => kind === 'PROPOSED');
      for (const { memoryId, cursor } of feed.events) {
        told.add(memoryId);
        after = cursor;
      }
      await feed.close();
    }
    writing = false;
    await Promise.all(writers);
    const last = await memorize(coder, { content: 'the last proposal', pool: 'shared' });
    const feed = FeedReader.open(coder, { ...input, after }, undefined, words);
    for (const { memoryId } of await feed.until(({ memoryId }) => memoryId === last)) told.add(memoryId);
    expect(written.filter((id) => !told.has(id))).toEqual([]);
    await Promise.all([feed, ...others].map((one) => one.close()));
  });

  it('may ask for different words, under names and conditions of their own', async () => {
    const clients = [coder, coder, otherCoder];
    const cursors = await Promise.all(clients.map(cursorOf));
    const sockets = await Promise.all(clients.map(({ key }) => RawSocket.begin(api.url, key)));
    const query = `subscription ($after: String, $whole: Boolean!) {
      it: memoryFeed(input: {after: $after}) { ...Words } }
      fragment Words on MemoryEvent { memory { said: content type @include(if: $whole) } }`;
    for (const [place, socket] of sockets.entries())
      socket.subscribe('1', query, { variables: { after: cursors[place], whole: place > 0 } });
    await memorize(planner, { content: 'in other words', pool: 'shared' });
    const told = await Promise.all(sockets.map((socket) => socket.next()));
    expect(told.map(({ payload }) => payload)).toEqual([
      { data: { it: { memory: { said: 'in other words' } } } },
      { data: { it: { memory: { said: 'in other words', type: 'EPISODIC' } } } },
      { data: { it: { memory: { said: 'in other words', type: 'EPISODIC' } } } },
    ]);
    await Promise.all(sockets.map((socket) => socket.close()));
  });
});

describe('a subscriber that does not read', () => {
  it('is sent no more than 64 events before it answers a ping', async () => {
    const socket = await RawSocket.open(api.url, { autoPong: false });
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${coder.key}` } });
    await socket.next();
    const pings: Buffer[] = [];
    socket.socket.on('ping', (payload: Buffer) => pings.push(payload));
    socket.subscribe('1', FEED, { variables: { after: await cursorOf(coder) } });
    const others = await FeedReader.fromNow(otherCoder);
    const ids = await write(400, 'unanswered');
    await others.until(({ memoryId }) => memoryId === ids.at(-1));
    // Its answer comes behind all that was sent before.
    const sync = async () => {
      socket.send({ type: 'ping' });
      while (!socket.frames.some(({ type }) => type === 'pong')) await once(socket.socket, 'message');
      socket.frames.splice(
        socket.frames.findIndex(({ type }) => type === 'pong'),
        1,
      );
    };
    // Answers to pings that it has not seen are worth nothing.
    for (let number = 0; number < 20; number++) {
      const guess = Buffer.alloc(8);
      guess.writeUInt32BE(number, 4);
      for (const payload of [guess, guess.subarray(4), Buffer.alloc(0)]) socket.socket.pong(payload);
    }
    await sync();
    await sync();
    expect(toldBy(socket.frames).map(({ memoryId }) => memoryId)).toEqual(ids.slice(0, 64));
    for (let answered = 0; toldBy(socket.frames).length < ids.length; await sync())
      while (answered < pings.length) socket.socket.pong(pings[answered++]);
    expect(toldBy(socket.frames).map(({ memoryId }) => memoryId)).toEqual(ids);
    await Promise.all([socket.close(), others.close()]);
  });

  it('leaves nothing behind by using one id again and again', async () => {
    const before = api.broker.feed.subscribers;
    const socket = await RawSocket.begin(api.url, coder.key);
    for (let round = 0; round < 10; round++) {
      socket.subscribe('again', FEED);
      socket.send({ id: 'again', type: 'complete' });
    }
    socket.subscribe('again', FEED);
    const last = await memorize(planner, { content: 'heard once', pool: 'shared' });
    while (api.broker.feed.subscribers === before) await new Promise(setImmediate);
    await memorize(planner, { content: `and ${last}`, pool: 'shared' });
    socket.socket.terminate();
    while (api.broker.feed.subscribers > before) await new Promise(setImmediate);
  });

  it('is closed with 4400 for an id that would stand large in every frame', async () => {
    const socket = await RawSocket.begin(api.url, coder.key);
    socket.subscribe('x'.repeat(129), FEED);
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  it('is told all of it, in order and once, when it reads again', async () => {
    const socket = await RawSocket.begin(api.url, coder.key);
    socket.subscribe('1', FEED, { variables: { after: await cursorOf(coder) } });
    const [first] = await write(1, 'before the pause');
    await socket.next();
    socket.socket.pause();
    const others = await FeedReader.fromNow(otherCoder);
    const ids = await write(1_500, 'during the pause');
    await others.until(({ memoryId }) => memoryId === ids.at(-1));
    socket.socket.resume();
    const last = await memorize(planner, { content: 'after the pause', pool: 'shared' });
    while (toldBy(socket.frames).at(-1)?.memoryId !== last) await once(socket.socket, 'message');
    expect(toldBy(socket.frames).map(({ memoryId }) => memoryId)).toEqual([first, ...ids, last]);
    await Promise.all([socket.close(), others.close()]);
  });

  it('is told of nothing that was taken from it meanwhile', async () => {
    const socket = await RawSocket.begin(api.url, coder.key);
    socket.subscribe('1', FEED, { variables: { after: await cursorOf(coder) } });
    socket.socket.pause();
    // Few enough to wait for it, and long enough to be told anew.
    const ids = await write(150, 'to be forgotten', 'planner');
    for (const id of ids.slice(-3)) await planner.ask('mutation ($id: ID!) { forget(id: $id) { id } }', { id });
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    socket.socket.resume();
    const last = await memorize(planner, { content: 'not forgotten' });
    while (toldBy(socket.frames).at(-1)?.memoryId !== last) await once(socket.socket, 'message');
    const told = toldBy(socket.frames).filter(({ memoryId }) => ids.slice(-3).includes(memoryId as string));
    expect(told.map(({ kind }) => kind).sort()).toEqual([...Array(3).fill('FORGOTTEN'), ...Array(3).fill('MEMORIZED')]);
    expect(told.map(({ memory }) => memory)).toEqual(Array(6).fill(null));
    await socket.close();
  });
});

describe('the end of what a subscription stands on', () => {
  const newKey = async (): Promise<{ client: TestClient; id: string }> => {
    type Issued = { issueKey: { secret: string; key: { id: string } } };
    const text = 'mutation ($id: ID!) { issueKey(agentId: $id) { secret key { id } } }';
    const { issueKey } = await api.admin.ask<Issued>(text, { id: coder.id });
    return { client: coder.as(issueKey.secret), id: issueKey.key.id };
  };

  it('closes the socket with 4403 when its key expires, and leaves those of other keys alone', async () => {
    const { client, id } = await newKey();
    const [socket, other] = [await RawSocket.begin(api.url, client.key), await FeedReader.fromNow(coder)];
    const variables = { after: await cursorOf(coder) };
    socket.subscribe('1', FEED, { variables });
    const first = await memorize(planner, { content: 'while the key is good', pool: 'shared' });
    await socket.next();
    await sql('update api_key set expires_at = clock_timestamp() where key_id = $1', [id]);
    const next = await memorize(planner, { content: 'when the key has expired', pool: 'shared' });
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect(toldBy(socket.frames).map(({ memoryId }) => memoryId)).toEqual([first]);
    await other.until(({ memoryId }) => memoryId === next);
    await other.close();
  });

  it('is noticed though nothing happens: a key whose time comes', async () => {
    const { client, id } = await newKey();
    const socket = await RawSocket.begin(api.url, client.key);
    socket.subscribe('1', FEED);
    while (api.broker.feed.subscribers === 0) await new Promise(setImmediate);
    await sql(`update api_key set expires_at = clock_timestamp() + interval '1 second' where key_id = $1`, [id]);
    expect(await socket.closed).toMatchObject({ code: 4403 });
  });

  it('is told as CURSOR_EXPIRED where the log has begun anew under it', async () => {
    const feed = await FeedReader.fromNow(coder);
    await memorize(planner, { content: 'before the restore', pool: 'shared' });
    await feed.until(({ kind }) => kind === 'MEMORIZED');
    await sql('update organization set feed_epoch = gen_random_uuid()');
    expect(await feed.failure()).toMatchObject({ extensions: { code: 'CURSOR_EXPIRED' } });
    await feed.close();
  });
});
