import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { ADMIN_KEY, startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { FeedReader, type FeedEvent } from '../support/feed.js';
import { memorize } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy, type Statement } from '../support/policy.js';
import { RawSocket } from '../support/raw-socket.js';

let api: TestApi;
let planner: TestClient;
let coder: TestClient & { id: string };
let defaults: Statement[];
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  coder = await api.agent('coder');
  defaults = (await activePolicy(api.admin)).statements;
  // A pool that is younger than a cursor, or was made within a minute of it, is told from its first event.
  await sql(`update pool set created_at = created_at - interval '1 hour'`);
  await memorize(coder, { content: 'so that there is something behind every cursor' });
});
afterEach(() => editPolicy(api.admin, () => defaults));
afterAll(() => api.close());

const cursorOf = async (client: TestClient): Promise<string> =>
  (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
const kinds = (events: readonly FeedEvent[]) => events.map(({ kind, memoryId }) => [kind, memoryId]);
const sql = (text: string, values: unknown[] = []) => api.broker.database.maintenance(text, values);

/** A cursor with other bytes in it, and the checksum that belongs to them. */
function forge(cursor: string, change: (bytes: Buffer) => void): string {
  const bytes = Buffer.from(cursor, 'base64url');
  change(bytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes.toString('base64url');
}

async function failureOf(after: string, input: Record<string, unknown> = {}): Promise<unknown> {
  const feed = FeedReader.open(coder, { ...input, after });
  const failure = await feed.failure();
  expect(feed.events).toEqual([]);
  await feed.close();
  return failure?.extensions;
}

describe('a cursor', () => {
  it.each<[string, (cursor: string) => string]>([
    ['is empty', () => ''],
    ['is anything', () => 'anything'],
    ['is cut off', (cursor) => cursor.slice(0, -5)],
    ['has a letter changed', (cursor) => `${cursor.slice(0, 30)}${cursor[30] === 'A' ? 'B' : 'A'}${cursor.slice(31)}`],
    ['has something behind it', (cursor) => `${cursor}AAAA`],
    ['is padded', (cursor) => `${cursor}==`],
    ['is of another version', (cursor) => forge(cursor, (bytes) => bytes.writeUInt8(2, 0))],
    ['is longer than any', () => 'A'.repeat(40_000)],
    [
      'is one of the list of memories',
      () => Buffer.from('m1:0199aaaa-0000-7000-8000-000000000000').toString('base64url'),
    ],
    ['has NUL in it', (cursor) => `${cursor}\u0000`],
  ])('that %s is bad input', async (_, change) => {
    expect(await failureOf(change(await cursorOf(coder)))).toEqual({ code: 'BAD_INPUT', field: 'input.after' });
  });

  it('that is ahead of the log has expired: a backup was restored', async () => {
    // Version, epoch, time; then a pool and its number, 16 and 8 bytes.
    const ahead = forge(await cursorOf(coder), (bytes) => bytes.writeBigUInt64BE(9_000n, 25 + 16));
    expect(await failureOf(ahead)).toMatchObject({ code: 'CURSOR_EXPIRED' });
    const beyond = forge(await cursorOf(coder), (bytes) => bytes.writeBigUInt64BE(2n ** 64n - 1n, 25 + 16));
    expect(await failureOf(beyond)).toMatchObject({ code: 'CURSOR_EXPIRED' });
  });

  it('of another epoch has expired, and a new one is good', async () => {
    const before = await cursorOf(coder);
    await sql('update organization set feed_epoch = gen_random_uuid()');
    expect(await failureOf(before)).toMatchObject({ code: 'CURSOR_EXPIRED' });
    const feed = await FeedReader.fromNow(coder);
    const id = await memorize(coder, { content: 'in the new epoch' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === id))).toEqual([['MEMORIZED', id]]);
    await feed.close();
  });

  it('older than what the log keeps has expired, whether much or little of it is left', async () => {
    const old = await cursorOf(coder);
    for (let n = 0; n < 4; n++) await memorize(coder, { content: `kept for a while ${n}` });
    const younger = await cursorOf(coder);
    const ofCoder = `from pool where key = 'coder' and memory_event.pool_id = pool.pool_id`;
    await sql(`delete from memory_event where seq <= (select seq - 2 ${ofCoder})`);
    expect(await failureOf(old)).toMatchObject({ code: 'CURSOR_EXPIRED' });
    await sql(`delete from memory_event where pool_id = (select pool_id from pool where key = 'coder')`);
    expect(await failureOf(old)).toMatchObject({ code: 'CURSOR_EXPIRED' });
    const feed = FeedReader.open(coder, { after: younger });
    const id = await memorize(coder, { content: 'after all that was taken away' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === id))).toEqual([['MEMORIZED', id]]);
    await feed.close();
  });
});

describe('a change of access in mid-stream', () => {
  it('that takes a pool is told, and then nothing of the pool', async () => {
    const feed = await FeedReader.fromNow(coder);
    await editPolicy(api.admin, (statements) => [...statements, deny('coder', ['READ'], ['planner'])]);
    await feed.until(({ kind }) => kind === 'SCOPE_CHANGED');
    await memorize(planner, { content: 'not for the coder' });
    const last = await memorize(planner, { content: 'for all', pool: 'shared' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === last))).toEqual([
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', last],
    ]);
    await feed.close();
  });

  it('that happened while nobody listened is told to who comes back', async () => {
    const after = await cursorOf(coder);
    await editPolicy(api.admin, (statements) => [...statements, deny('coder', ['READ'], ['planner'])]);
    const last = await memorize(planner, { content: 'for who comes back', pool: 'shared' });
    const feed = FeedReader.open(coder, { after });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === last))).toEqual([
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', last],
    ]);
    await feed.close();
  });

  it('that takes or gives a part of a pool is told too', async () => {
    const feed = await FeedReader.fromNow(coder);
    const first = await memorize(planner, { content: 'for the coder' });
    await feed.until(({ memoryId }) => memoryId === first);
    const part = deny('coder', ['READ'], ['planner'], { where: { type: { eq: 'EPISODIC' } } });
    await editPolicy(api.admin, (statements) => [...statements, part]);
    await feed.until(({ kind }) => kind === 'SCOPE_CHANGED');
    await memorize(planner, { content: 'not for the coder', type: 'EPISODIC' });
    const seen = await memorize(planner, { content: 'a recipe for the coder', type: 'PROCEDURAL' });
    await feed.until(({ memoryId }) => memoryId === seen);
    await editPolicy(api.admin, () => defaults);
    await feed.until(({ kind, memoryId }) => kind === 'SCOPE_CHANGED' && memoryId === null && feed.events.length > 3);
    const last = await memorize(planner, { content: 'for the coder again' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === last))).toEqual([
      ['MEMORIZED', first],
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', seen],
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', last],
    ]);
    await feed.close();
  });

  it('that is about others is not told', async () => {
    const feed = await FeedReader.fromNow(coder);
    await editPolicy(api.admin, (statements) => [...statements, deny('tester', ['READ'], ['coder'])]);
    await api.admin.ask('mutation { createRole(input: {key: "scribe"}) { key } }');
    const last = await memorize(coder, { content: 'nothing has changed' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === last))).toEqual([['MEMORIZED', last]]);
    await feed.close();
  });

  it('that gives a pool is told; what was before is listed and not told again', async () => {
    const reviewer = await api.agent('reviewer');
    await memorize(reviewer, { content: 'before the coder could read it' });
    const feed = await FeedReader.fromNow(coder);
    await editPolicy(api.admin, (statements) => [...statements, allow('coder', ['READ'], ['reviewer'])]);
    const { cursor } = (await feed.until(({ kind }) => kind === 'SCOPE_CHANGED')).at(-1) as FeedEvent;
    const id = await memorize(reviewer, { content: 'now that the coder can' });
    expect(kinds(await feed.until(({ memoryId }) => memoryId === id))).toEqual([
      ['SCOPE_CHANGED', null],
      ['MEMORIZED', id],
    ]);
    await feed.close();
    const again = FeedReader.open(coder, { after: cursor });
    expect(kinds(await again.until(({ memoryId }) => memoryId === id))).toEqual([['MEMORIZED', id]]);
    await again.close();
  });

  it('that takes all ends the operation, and the socket stays for others', async () => {
    const socket = coder.socket();
    const { feedCursor: after } = await coder.ask<{ feedCursor: string }>('{ feedCursor }');
    const [lost, kept] = ['planner', 'shared'].map((pool) =>
      FeedReader.open(coder, { pools: [pool], after }, socket),
    ) as [FeedReader, FeedReader];
    const first = await memorize(planner, { content: 'the coder still hears this' });
    await lost.until(({ memoryId }) => memoryId === first);
    await editPolicy(api.admin, (statements) => [...statements, deny('coder', ['READ'], ['planner'])]);
    expect(await lost.failure()).toMatchObject({ extensions: { code: 'ACCESS_REVOKED' } });
    await memorize(planner, { content: 'and this no more' });
    const last = await memorize(planner, { content: 'the other goes on', pool: 'shared' });
    await kept.until(({ memoryId }) => memoryId === last);
    expect(kinds(lost.events)).toEqual([['MEMORIZED', first]]);
    await socket.dispose();
  });

  it('by the end of the key ends the operation before another word', async () => {
    type Issued = { issueKey: { secret: string; key: { id: string } } };
    const issued = await api.admin.ask<Issued>('mutation ($id: ID!) { issueKey(agentId: $id) { secret key { id } } }', {
      id: coder.id,
    });
    const second = coder.as(issued.issueKey.secret);
    const [feed, other] = [await FeedReader.fromNow(second), await FeedReader.fromNow(coder)];
    const first = await memorize(coder, { content: 'both keys hear this' });
    await feed.until(({ memoryId }) => memoryId === first);
    await api.admin.ask('mutation ($id: ID!) { revokeKey(id: $id) { id } }', { id: issued.issueKey.key.id });
    const next = await memorize(coder, { content: 'one key hears this' });
    expect(await feed.failure()).toMatchObject({ extensions: { code: 'ACCESS_REVOKED' } });
    expect(kinds(feed.events)).toEqual([['MEMORIZED', first]]);
    await other.until(({ memoryId }) => memoryId === next);
    expect(await second.code('{ viewer { id } }')).toBe('UNAUTHENTICATED');
    await Promise.all([feed.close(), other.close()]);
  });
});

describe('the end of a subscription', () => {
  it('leaves nothing behind, be it by complete or by the loss of the socket', async () => {
    for (const leave of [
      (socket: RawSocket) => socket.send({ id: '1', type: 'complete' }),
      (socket: RawSocket) => socket.socket.terminate(),
    ]) {
      const before = api.broker.feed.subscribers;
      const after = await cursorOf(coder);
      const socket = await RawSocket.begin(api.url, coder.key);
      socket.subscribe('1', 'subscription ($after: String) { memoryFeed(input: {after: $after}) { kind } }', {
        variables: { after },
      });
      await memorize(coder, { content: `one before the end ${Math.random()}` });
      await socket.next();
      expect(api.broker.feed.subscribers).toBe(before + 1);
      leave(socket);
      while (api.broker.feed.subscribers > before) await new Promise(setImmediate);
      socket.socket.terminate();
    }
  });

  it('is the end of its generator at once, though nothing comes', async () => {
    const caller = await api.broker.credentials.authenticate(coder.key);
    const abort = new AbortController();
    const events = api.broker.feed.subscribe(caller, {}, abort.signal);
    const next = events.next();
    while (api.broker.feed.subscribers === 0) await new Promise(setImmediate);
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(api.broker.feed.subscribers).toBe(0);
  });
});

describe('a broker that closes', () => {
  it('closes its sockets with 1012, and has drained in time though one of them does not answer', async () => {
    const broker = await BrokerProcess.start(await newStore());
    const [socket, deaf] = [await RawSocket.begin(broker.url, ADMIN_KEY), await RawSocket.begin(broker.url, ADMIN_KEY)];
    for (const one of [socket, deaf]) one.subscribe('1', 'subscription { memoryFeed { id } }');
    for (const one of [socket, deaf]) one.send({ type: 'ping' });
    expect([await socket.next(), await deaf.next()]).toEqual([{ type: 'pong' }, { type: 'pong' }]);
    deaf.socket.pause();
    expect(await broker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(broker.stderr).toContain('SIGTERM: draining');
    expect(broker.stderr).not.toContain('draining took too long');
    expect(await socket.closed).toMatchObject({ code: 1012 });
    await expect(RawSocket.open(broker.url)).rejects.toThrow('ECONNREFUSED');
    deaf.socket.terminate();
  });
});
