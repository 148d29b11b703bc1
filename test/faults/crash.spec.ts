import { Database } from '#platform';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { registerAgent, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { nativeOnly, itOnNative } from '../support/database.js';
import { eventLogs, storedMemories, Writer } from './writers.js';

const ROUNDS = 3;

/** Own pools and the shared one, written and proposed to, one pool at a time and two in one request. */
const ROLES: readonly (readonly [role: string, pools: readonly string[]])[] = [
  ['coder', ['coder']],
  ['tester', ['shared']],
  ['planner', ['shared']],
  ['reviewer', ['reviewer', 'shared']],
];

async function newWriters(admin: TestClient, name: string): Promise<Writer[]> {
  const clients = await Promise.all(ROLES.map(([role]) => registerAgent(admin, role)));
  return ROLES.map(([role, pools], i) => new Writer(`${name}: the ${role}`, clients[i] as TestClient, pools));
}

const acknowledged = (writers: Writer[]) => writers.reduce((sum, { sent }) => sum + sent.acknowledged.size, 0);

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Each acknowledged memory is there exactly once, under the id that was told; every other at most once. */
async function expectNothingLostOrTwice(writers: Writer[], admin: TestClient): Promise<void> {
  const stored = await storedMemories(admin);
  const wrong: unknown[] = [];
  for (const { sent } of writers) {
    for (const { content } of sent.inputs) {
      const ids = stored.get(content) ?? [];
      const told = sent.acknowledged.get(content);
      if (told ? ids.length !== 1 || ids[0] !== told : ids.length > 1) wrong.push({ content, told, ids });
    }
  }
  expect(wrong).toEqual([]);
}

async function expectDenseLogs(database: Database, memories: number): Promise<void> {
  const logs = await eventLogs(database);
  expect(logs.length).toBe(3);
  for (const log of logs)
    expect(log).toEqual({ ...log, least: 1, most: log.events, seq: log.events, memories: log.events });
  expect(logs.reduce((sum, log) => sum + log.events, 0)).toBe(memories);
}

describe('a broker that is killed', () => {
  it('has what it acknowledged, once, and what is sent again under its key stays once', async () => {
    const store = await newStore();
    let broker = await BrokerProcess.start(store);
    const all: Writer[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const writers = await newWriters(broker.client, `round ${round}`);
      all.push(...writers);
      const writing = writers.map((writer) => writer.writeUntilTheEnd());
      // Each round in another place: between four writers some request is always under way.
      await until(() => acknowledged(writers) >= 60 + 45 * round);
      await broker.kill('SIGKILL');
      await Promise.all(writing);
      expect(writers.flatMap((writer) => writer.codes)).toEqual([]);
      broker = await BrokerProcess.start(store);
      await expectNothingLostOrTwice(all, broker.client);
      await Promise.all(writers.map((writer) => writer.sendAllAgain(broker.client)));
      await expectNothingLostOrTwice(all, broker.client);
    }
    const sent = all.flatMap((writer) => writer.sent.inputs).length;
    expect((await storedMemories(broker.client)).size).toBe(sent);
    expect(await broker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const options = { url: store['DATABASE_URL'], dataDir: store['DATA_DIR'], entities: [], migrations: [] };
    const database = await Database.open(options);
    await expectDenseLogs(database, sent).finally(() => database.close());
  });
});

describe('a database server that ends its connections', () => {
  itOnNative(nativeOnly('costs the requests under way an UNAVAILABLE at most, and the broker goes on'), async () => {
    const store = await newStore();
    const broker = await BrokerProcess.start(store);
    const server = new pg.Client({ connectionString: store['DATABASE_URL'] });
    await server.connect();
    const writers = await newWriters(broker.client, 'cut off');
    const writing = writers.map((writer) => writer.writeUntilTheEnd());
    let ended = 0;
    for (let cut = 1; cut <= 12; cut++) {
      await until(() => acknowledged(writers) >= 25 * cut);
      const { rowCount } = await server.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      ended += rowCount ?? 0;
    }
    const before = acknowledged(writers);
    await until(() => acknowledged(writers) > before + 20);
    for (const writer of writers) writer.stop();
    await Promise.all(writing);

    expect(ended).toBeGreaterThanOrEqual(12);
    const codes = writers.flatMap((writer) => writer.codes);
    expect(codes.filter((code) => code !== 'UNAVAILABLE')).toEqual([]);
    expect(codes.length).toBeGreaterThan(0);
    await expectNothingLostOrTwice(writers, broker.client);
    await Promise.all(writers.map((writer) => writer.sendAllAgain(broker.client)));
    await expectNothingLostOrTwice(writers, broker.client);
    await server.end();
    const database = await Database.open({ url: store['DATABASE_URL'], entities: [], migrations: [] });
    await expectDenseLogs(database, writers.flatMap((writer) => writer.sent.inputs).length).finally(() =>
      database.close(),
    );
    expect(await broker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
