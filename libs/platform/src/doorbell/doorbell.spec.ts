import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createNativeDatabase, isNative, nativeOnly, itOnNative } from '../../../../test/support/database.js';
import { eventually, HeardDoorbell } from '../../../../test/support/doorbells.js';
import { freePort } from '../../../../test/support/nats.js';
import { openDoorbell } from './doorbell.js';

const native = (name: string) => nativeOnly(name, 'the embedded database has one process, which hears itself');
const CHANNEL = 'commonplace_test';

const open: HeardDoorbell[] = [];
let url: string;
beforeAll(async () => {
  if (isNative) url = await createNativeDatabase();
});
afterEach(async () => {
  for (const { bell } of open.splice(0)) await bell.close();
});

async function connected(): Promise<HeardDoorbell> {
  const doorbell = await HeardDoorbell.connected({ kind: 'postgres', listenUrl: url });
  open.push(doorbell);
  return doorbell;
}

async function elsewhere(listenUrl: string): Promise<HeardDoorbell> {
  const doorbell = await HeardDoorbell.open({ kind: 'postgres', listenUrl });
  open.push(doorbell);
  return doorbell;
}

async function withClient<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** @returns how many connections of doorbells were ended. */
function terminateDoorbells(): Promise<number | null> {
  const text = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'commonplace doorbell' and datname = current_database()`;
  return withClient(async (client) => (await client.query(text)).rowCount);
}

describe('a doorbell', () => {
  it('without another process rings its own listener, coalesced', async () => {
    const { bell, ...heard } = await HeardDoorbell.open({ kind: 'embedded' });
    expect(heard.rings).toBe(0);
    let rings = 0;
    bell.onRing(() => (rings += 1));
    for (let i = 0; i < 1_000; i++) bell.ring();
    expect(rings).toBe(0);
    await eventually(() => rings > 0);
    expect(rings).toBe(1);
    bell.ring();
    await eventually(() => rings === 2);
    await bell.close();
  });

  it('whose listener throws says so, and rings again', async () => {
    const errors: unknown[] = [];
    const bell = await openDoorbell({ kind: 'embedded', channel: CHANNEL, onError: (error) => errors.push(error) });
    bell.ring();
    bell.onRing(() => {
      throw new Error('the listener did not like it');
    });
    await eventually(() => errors.length === 1);
    bell.ring();
    await eventually(() => errors.length === 2);
    await bell.close();
    bell.ring();
  });

  it('has a channel that is a name', async () => {
    const opening = openDoorbell({ kind: 'embedded', channel: 'a"; drop', onError: () => undefined });
    await expect(opening).rejects.toThrow('not the name of a channel');
  });

  it('rings its own listener though nobody else can be reached, and tells of that once', async () => {
    const doorbell = await elsewhere(`postgres://nobody:secret@127.0.0.1:${await freePort()}/nowhere`);
    doorbell.bell.ring();
    await doorbell.hears();
    await eventually(() => doorbell.errors.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(doorbell.errors).toHaveLength(1);
    expect(JSON.stringify(doorbell.errors) + String(doorbell.errors[0])).not.toContain('secret');
  });

  it('closes while it is connecting again', async () => {
    const doorbell = await elsewhere(`postgres://nobody@127.0.0.1:${await freePort()}/nowhere`);
    await eventually(() => doorbell.errors.length > 0);
    const since = Date.now();
    await doorbell.bell.close();
    expect(Date.now() - since).toBeLessThan(1_000);
  });

  it('closes while it waits for a server that does not answer', async () => {
    const { createServer } = await import('node:net');
    const deaf = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => deaf.once('listening', resolve));
    const called = new Promise((resolve) => deaf.once('connection', resolve));
    const { port } = deaf.address() as { port: number };
    const doorbell = await elsewhere(`postgres://nobody@127.0.0.1:${port}/nowhere`);
    await called;
    await doorbell.bell.close();
    // Ends only when nothing is connected any more.
    await new Promise((resolve) => deaf.close(resolve));
    expect(doorbell.errors).toEqual([]);
  });
});

describe('two doorbells on one Postgres', () => {
  itOnNative(native('hear each other, and each hears itself'), async () => {
    const [one, other] = [await connected(), await connected()];
    for (const rung of [one, other]) {
      const heard = Promise.all([one.hears(), other.hears()]);
      rung.bell.ring();
      await heard;
      await one.quiet();
    }
    // Its own ring came once, and not a second time by way of Postgres.
    expect([one.rings, other.rings]).toEqual([3, 3]);
  });

  itOnNative(native('are found by name among the connections'), async () => {
    await connected();
    const text = `select state from pg_stat_activity where application_name = 'commonplace doorbell' and datname = current_database()`;
    expect((await withClient((client) => client.query(text))).rowCount).toBe(1);
  });

  itOnNative(native('send few notifications however often they are rung, and the last ring is heard'), async () => {
    const [one, other] = [await connected(), await connected()];
    await withClient(async (client) => {
      let notifications = 0;
      const payloads = new Set<string | undefined>();
      client.on('notification', ({ payload }) => {
        notifications += 1;
        payloads.add(payload);
      });
      await client.query(`listen ${CHANNEL}`);
      let rings = 0;
      const begin = Date.now();
      while (Date.now() - begin < 500) {
        for (let i = 0; i < 100; i++) one.bell.ring();
        rings += 100;
        await new Promise(setImmediate);
      }
      const elapsed = Date.now() - begin;
      await other.quiet();
      await client.query('select 1');
      expect(rings).toBeGreaterThan(1_000);
      expect(notifications).toBeGreaterThan(0);
      expect(notifications).toBeLessThanOrEqual(elapsed / 10 + 3);
      expect([...payloads]).toEqual(['']);
      const last = other.hears();
      one.bell.ring();
      await last;
    });
  });

  itOnNative(native('that lost their connections tell of it once, ring, and hear each other again'), async () => {
    const [one, other] = [await connected(), await connected()];
    const back = Promise.all([one.hears(), other.hears()]);
    expect(await terminateDoorbells()).toBe(2);
    await back;
    await one.quiet();
    await other.quiet();
    expect([one.errors.length, other.errors.length]).toEqual([1, 1]);
    const heard = other.hears();
    one.bell.ring();
    await heard;
  });

  itOnNative(native('of different channels do not hear each other'), async () => {
    const one = await connected();
    const stranger = await openDoorbell({
      kind: 'postgres',
      listenUrl: url,
      channel: 'commonplace_other',
      onError: () => undefined,
    });
    for (let i = 0; i < 20; i++) {
      stranger.ring();
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await one.quiet();
    expect(one.rings).toBe(1);
    await stranger.close();
  });
});
