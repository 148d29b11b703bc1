import { afterEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import pg from 'pg';
import { x as extract } from 'tar';
import { Database } from './database.js';
import { EmbeddedPostgres } from './embedded.js';

/** More brackets than the stack of the WebAssembly holds: the database falls silent, with no answer and no error. */
const SILENCING = `select repeat('[', 100000)::jsonb`;
const RECOVERY_MS = 20_000;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(): Promise<EmbeddedPostgres> {
  const embedded = await EmbeddedPostgres.start({ image: fs.readFileSync(process.env['TEST_IMAGE_FILE'] as string) });
  ends.push(() => embedded.close());
  return embedded;
}

async function connect(embedded: EmbeddedPostgres): Promise<pg.Client> {
  const client = new pg.Client(embedded.poolOptions());
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const drop = (client: pg.Client) =>
  (client as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy();
const workerOf = (embedded: EmbeddedPostgres) => (embedded as unknown as { worker: Worker }).worker;

async function openInFolder(): Promise<Database> {
  const dataDir = fs.mkdtempSync(join(os.tmpdir(), 'commonplace-embedded-'));
  ends.push(() => fs.rmSync(dataDir, { recursive: true, force: true }));
  // A ready-made one: a new one takes seconds.
  fs.mkdirSync(join(dataDir, 'postgres'));
  extract({ file: process.env['TEST_IMAGE_FILE'] as string, cwd: join(dataDir, 'postgres'), sync: true });
  const db = await Database.open({ dataDir, entities: [], migrations: [] });
  ends.push(() => db.close());
  await db.maintenance('create table note (id int primary key)');
  return db;
}

const kill = (db: Database) => workerOf((db as unknown as { embedded: EmbeddedPostgres }).embedded).terminate();
const noteCount = async (db: Database) =>
  (await db.maintenance<{ n: number }>('select count(*) as n from note')).rows[0]?.n;

async function until<Result>(work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + RECOVERY_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('the one session of the embedded database', () => {
  it('is handed on without the transaction, the locks and the settings of a client that was dropped', async () => {
    const embedded = await start();
    const first = await connect(embedded);
    const { path } = (await first.query(`select current_setting('search_path') as path`)).rows[0] as { path: string };
    await first.query(`create table note (id int primary key); insert into note values (1); grant all on note to public; set search_path = nowhere;
      select pg_advisory_lock(7); prepare mine as select 1`);
    await first.query(
      `begin; set local role commonplace_system; select set_config('app.org', 'somebody', true); insert into public.note values (2)`,
    );
    drop(first);

    const second = await connect(embedded);
    const { rows } =
      await second.query(`select current_user as role, coalesce(current_setting('app.org', true), '') as org,
      current_setting('search_path') as path, (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
      (select count(*)::int from pg_prepared_statements) as prepared, (select count(*)::int from note) as notes`);
    expect(rows).toEqual([{ role: 'postgres', org: '', path, locks: 0, prepared: 0, notes: 1 }]);
    await second.end();
  });

  it('gives a new client no answer that was meant for a dropped one', async () => {
    const embedded = await start();
    const first = await connect(embedded);
    const forgotten = Promise.allSettled(
      Array.from({ length: 20 }, () => first.query(`select 'for the first' as said from generate_series(1, 20000)`)),
    );
    // By now the database is at work on the first client's statements.
    await new Promise((resolve) => setTimeout(resolve, 20));
    drop(first);
    const second = await connect(embedded);
    expect((await second.query(`select 'for the second' as said`)).rows).toEqual([{ said: 'for the second' }]);
    expect((await second.query(`select 2 as n`)).rows).toEqual([{ n: 2 }]);
    await forgotten;
    await second.end();
  });

  it('takes a statement of many megabytes and gives one back', async () => {
    const embedded = await start();
    const client = await connect(embedded);
    const text = 'ä'.repeat(3_000_000);
    expect((await client.query('select $1::text as text', [text])).rows).toEqual([{ text }]);
    await client.end();
  });
});

describe('a thread of the embedded database that dies', () => {
  it('is started again, with all that was committed in the folder and nothing else', async () => {
    const db = await openInFolder();
    await db.maintenance('insert into note values (1)');
    const lost = db.maintenance('insert into note select 2 from pg_sleep(20)');
    await kill(db);
    await expect(lost).rejects.toThrow();
    expect(await until(() => noteCount(db))).toBe(1);
    await db.maintenance('insert into note values (3)');
    expect(await noteCount(db)).toBe(2);
  });

  it('keeps those who ask meanwhile waiting for the new one, and answers them', async () => {
    // They spoke to the dead thread, and were told after half a minute that the connection timed out.
    const db = await openInFolder();
    await kill(db);
    expect(await noteCount(db)).toBe(0);
  });

  it('is started again when it falls silent in the middle of a statement', async () => {
    // Without an answer the only connection was taken until the broker was restarted.
    const db = await openInFolder();
    await expect(db.maintenance(SILENCING)).rejects.toThrow('stopped');
    expect(await until(() => noteCount(db))).toBe(0);
  });

  it('is not started for ever: after four deaths in a minute the broker says so, at once, and still closes', async () => {
    const db = await openInFolder();
    for (let death = 0; death < 4; death++) {
      await until(() => noteCount(db));
      await kill(db);
    }
    await expect(noteCount(db)).rejects.toThrow('stopped too often');
    await ends.pop()?.();
  });

  it('in memory is gone with its data: everything fails, and closing ends all the same', async () => {
    const embedded = await start();
    const client = await connect(embedded);
    await workerOf(embedded).terminate();
    await expect(client.query('select 1')).rejects.toThrow();
    await expect(connect(embedded)).rejects.toThrow('stopped');
    await ends.pop()?.();
  });
});
