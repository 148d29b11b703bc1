import { CommonplaceError } from '#kernel';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import type { Duplex } from 'node:stream';
import { nativeOnly, openTestDatabase, itOnNative } from '../../../../test/support/database.js';
import { Database, type Statement, type Unit, type UnitScope } from './database.js';

const ORG = '00000000-0000-7000-8000-000000000001';
const SYSTEM: UnitScope = {
  role: 'commonplace_system',
  opening: { text: 'select sec.open_system($1::uuid)', values: [ORG] },
};

let db: Database;
beforeAll(async () => {
  db = await openTestDatabase();
  await db.maintenance(
    'create table note (id int primary key, n int not null default 0); grant all on note to commonplace_system',
  );
});
afterAll(() => db.close());

const insert = (id: number): Statement => ({ text: 'insert into note (id) values ($1)', values: [id] });
const system = <Result>(work: (unit: Unit) => Promise<Result>) => db.unit(SYSTEM, work);
const stored = async (id: number) => (await db.maintenance('select from note where id = $1', [id])).rowCount === 1;
const settings = (unit: Unit) =>
  unit.query<{ role: string; org: string | null; timeout: string }>({
    text: `select current_user as role, current_setting('app.org', true) as org, current_setting('statement_timeout') as timeout`,
  });

describe('a unit of work', () => {
  it('is stored when its work ends, and the answer is its result', async () => {
    expect(await system(async (unit) => (await unit.query(insert(1))).length)).toBe(0);
    expect(await stored(1)).toBe(true);
  });

  it('leaves nothing when its work throws, and tells that very error', async () => {
    const fault = new Error('the work did not like it');
    const failing = system(async (unit) => {
      await unit.query(insert(2));
      throw fault;
    });
    await expect(failing).rejects.toBe(fault);
    expect(await stored(2)).toBe(false);
  });

  it('runs under its role and its settings, and leaves neither behind', async () => {
    expect(await system(settings)).toEqual([{ role: 'commonplace_system', org: ORG, timeout: '15s' }]);
    for (let i = 0; i < 25; i++) {
      const { rows } = await db.maintenance<{ role: string; org: string | null; timeout: string }>(
        `select current_user as role, current_setting('app.org', true) as org, current_setting('statement_timeout') as timeout`,
      );
      expect(rows[0]).toMatchObject({ role: 'postgres', timeout: '0' });
      expect(rows[0]?.org ?? '').toBe('');
    }
  });

  it('has one plan for all values where a statement asks for it, and for that statement alone', async () => {
    const mode = { text: `select current_setting('plan_cache_mode') as mode` };
    const modes = (unit: Unit) =>
      Promise.all([mode, { ...mode, plan: 'generic' as const }, mode].map((one) => unit.query<{ mode: string }>(one)));
    for (const rows of [await system(modes), await system(modes)])
      expect(rows.flat().map((row) => row.mode)).toEqual(['auto', 'force_generic_plan', 'auto']);
    const generic = (text: string) => (unit: Unit) => unit.query({ text, plan: 'generic' });
    await system(generic('select 1'));
    await db.unit({ ...SYSTEM, readOnly: true }, generic('select 1'));
    await expect(system(generic('select 1 / 0'))).rejects.toMatchObject({ code: '22012' });
    for (let i = 0; i < 25; i++) expect(await system((unit) => unit.query(mode))).toEqual([{ mode: 'auto' }]);
  });

  it('leaves no setting behind either when it fails', async () => {
    const failing = system((unit) => unit.query({ text: 'select 1 / 0' }));
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    const { rows } = await db.maintenance<{ org: string | null }>(`select current_setting('app.org', true) as org`);
    expect(rows[0]?.org ?? '').toBe('');
  });

  it('runs nothing of its work when its opening fails, and tells of the opening', async () => {
    const opening = { text: 'select 1 / $1::int', values: [0] };
    const failing = db.unit({ ...SYSTEM, opening }, async (unit) => {
      await unit.query(insert(3));
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await stored(3)).toBe(false);
  });

  it('tells of the opening also when the work swallowed what failed behind it', async () => {
    const opening = { text: 'select 1 / $1::int', values: [0] };
    const failing = db.unit({ ...SYSTEM, opening }, (unit) => unit.query(insert(4)).catch(() => []));
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await stored(4)).toBe(false);
  });

  it('is no success when its work swallowed a failed statement: Postgres rolls such a unit back', async () => {
    const swallowing = system(async (unit) => {
      await unit.query(insert(5));
      await unit.query(insert(5)).catch(() => []);
      return 'stored';
    });
    await expect(swallowing).rejects.toThrow('rolled back');
    expect(await stored(5)).toBe(false);
  });

  it('is stored with its last statement, whatever its work makes of it then', async () => {
    expect(await system((unit) => unit.queryLast({ ...insert(30), text: `${insert(30).text} returning id` }))).toEqual([
      { id: 30 },
    ]);
    const fault = new Error('too late');
    const throwing = system(async (unit) => {
      await unit.queryLast(insert(31));
      throw fault;
    });
    await expect(throwing).rejects.toBe(fault);
    expect([await stored(30), await stored(31)]).toEqual([true, true]);
  });

  it('takes no statement behind its last, which would be outside of it', async () => {
    const late = system(async (unit) => {
      const last = unit.queryLast(insert(32));
      await unit.query(insert(33)).finally(() => last);
    });
    await expect(late).rejects.toThrow('has sent its last statement');
    const twice = system(async (unit) => {
      await unit.queryLast(insert(34));
      await unit.queryLast(insert(35));
    });
    await expect(twice).rejects.toThrow('has sent its last statement');
    const entities = system(async (unit) => {
      await unit.queryLast(insert(38));
      return unit.entities('note');
    });
    await expect(entities).rejects.toThrow('has sent its last statement');
    expect(await Promise.all([32, 33, 34, 35, 38].map(stored))).toEqual([true, false, true, false, true]);
  });

  it('leaves nothing where its last statement fails, or one before it', async () => {
    const last = (before: Statement | undefined, text: string) =>
      system(async (unit) => {
        await unit.query(insert(36));
        const asked = before && unit.query(before);
        asked?.catch(() => undefined);
        await unit.queryLast({ text });
      });
    await expect(last(undefined, 'select 1 / 0')).rejects.toMatchObject({ code: '22012' });
    await expect(last({ text: 'select 1 / 0' }, 'select 1')).rejects.toMatchObject({ code: '25P02' });
    const swallowing = system(async (unit) => {
      await unit.query(insert(36));
      await unit.queryLast({ text: 'select 1 / 0' }).catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow('rolled back');
    expect(await stored(36)).toBe(false);
  });

  itOnNative(nativeOnly('waits no longer for a lock than it was said, and leaves that setting to nobody'), async () => {
    await system((unit) => unit.query(insert(37)));
    const update = { text: 'update note set n = n + 1 where id = 37' };
    await system(async (holder) => {
      await holder.query(update);
      const waiting = db.unit({ ...SYSTEM, lockTimeoutMs: 50 }, (unit) => unit.queryLast(update));
      await expect(waiting).rejects.toMatchObject({ cause: { code: '55P03' } });
      // As long as this one is under way, the next has the connection of the one that waited.
      const asked = { text: `select current_setting('lock_timeout') as lock` };
      expect(await system((unit) => unit.query(asked))).toEqual([{ lock: '0' }]);
    });
  });

  it('writes nothing where it was said to read only', async () => {
    const writing = db.unit({ ...SYSTEM, readOnly: true }, (unit) => unit.query(insert(7)));
    await expect(writing).rejects.toMatchObject({ code: '25006' });
    expect(await stored(7)).toBe(false);
  });

  it('is no success either where it only read, and swallowed a failed statement', async () => {
    const swallowing = db.unit({ ...SYSTEM, readOnly: true }, async (unit) => {
      await unit.query({ text: 'select 1 / 0' }).catch(() => []);
      return 'read';
    });
    await expect(swallowing).rejects.toThrow('rolled back');
  });

  it('hands its connection on while the transaction of a read still ends, and nothing of it', async () => {
    const both = async () => {
      const [read] = await db.unit({ ...SYSTEM, readOnly: true }, settings);
      await system((unit) => unit.query({ text: 'select 1' }));
      const { rows } = await db.maintenance<{ role: string; org: string | null }>(
        `select current_user as role, current_setting('app.org', true) as org`,
      );
      return [read?.role, read?.org, rows[0]?.role, rows[0]?.org ?? ''];
    };
    const seen = await Promise.all(Array.from({ length: 40 }, both));
    for (const one of seen) expect(one).toEqual(['commonplace_system', ORG, 'postgres', '']);
  });

  it.each([
    ['a read sends what it asks for when it first waits, be it for nothing', true, 0],
    ['a write when it has nothing more to do', false, 1],
  ])('%s', async (_, readOnly, held) => {
    let client: pg.PoolClient | undefined;
    const { pool } = db as unknown as { pool: pg.Pool };
    pool.once('acquire', (acquired) => (client = acquired));
    const corked = await db.unit({ ...SYSTEM, readOnly }, async (unit) => {
      const asked = unit.query({ text: 'select 1' });
      await Promise.resolve();
      const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
      const held = stream.writableCorked;
      await asked;
      return held;
    });
    expect(corked).toBe(held);
  });

  it('cannot name a role that the database does not know', async () => {
    const scope = { ...SYSTEM, role: 'commonplace_nobody' as 'commonplace_app' };
    await expect(db.unit(scope, (unit) => unit.query(insert(6)))).rejects.toMatchObject({ code: '22023' });
    expect(await stored(6)).toBe(false);
  });

  it('goes one after the other where they are many at once, and all are stored', async () => {
    await system((unit) => unit.query(insert(100)));
    const add = () => system((unit) => unit.query({ text: 'update note set n = n + 1 where id = 100' }));
    await Promise.all(Array.from({ length: 60 }, add));
    const { rows } = await db.maintenance<{ n: number }>('select n from note where id = 100');
    expect(rows[0]?.n).toBe(60);
  });
});

describe('failures of the database', () => {
  itOnNative(nativeOnly('runs a unit again that lost a deadlock against another one'), async () => {
    await system((unit) => unit.query({ text: 'insert into note (id) values (200), (201)' }));
    const runs = { a: 0, b: 0 };
    const bump = (id: number): Statement => ({ text: 'update note set n = n + 1 where id = $1', values: [id] });
    const both = gate(2);
    const crossing = (who: 'a' | 'b', first: number, second: number) =>
      system(async (unit) => {
        runs[who] += 1;
        await unit.query(bump(first));
        if (runs[who] === 1) await both();
        await unit.query(bump(second));
      });
    await Promise.all([crossing('a', 200, 201), crossing('b', 201, 200)]);
    const { rows } = await db.maintenance<{ n: number }>('select n from note where id in (200, 201)');
    expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
    // The one that runs again may take its first row before the other wakes up to it: then they meet a second time.
    expect(runs.a + runs.b).toBeGreaterThanOrEqual(3);
  });

  itOnNative(nativeOnly('survives the loss of a connection between two statements of a unit'), async () => {
    // Nobody listened to the lost connection, so Node ended the whole broker for it.
    const lost = system(async (unit) => {
      await unit.query(insert(300));
      await terminate(await pidOf(unit));
      await new Promise((resolve) => setTimeout(resolve, 200));
      await unit.query(insert(301));
    });
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await stored(300)).toBe(false);
  });

  itOnNative(nativeOnly('survives the loss of a connection in the middle of a statement'), async () => {
    const lost = system(async (unit) => {
      const pid = await pidOf(unit);
      await unit.query(insert(310));
      const sleeping = unit.query({ text: 'select pg_sleep(20)' });
      await Promise.all([sleeping, terminate(pid)]);
    });
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await stored(310)).toBe(false);
    await system((unit) => unit.query(insert(311)));
    expect(await stored(311)).toBe(true);
  });

  it('says UNAVAILABLE where there is no server, and when to try again', async () => {
    const opening = Database.open({ url: 'postgres://nobody@127.0.0.1:1/none', entities: [], migrations: [] });
    const error = await opening.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(CommonplaceError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', details: { retryAfterMs: 1000 } });
  });
});

async function pidOf(unit: Unit): Promise<number> {
  const rows = await unit.query<{ pid: number }>({ text: 'select pg_backend_pid() as pid' });
  return (rows[0] as { pid: number }).pid;
}

const terminate = (pid: number) => db.maintenance('select pg_terminate_backend($1::int)', [pid]);

/** Everybody waits until all have come. */
function gate(parties: number): () => Promise<void> {
  let open: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let missing = parties;
  return () => {
    missing -= 1;
    if (missing === 0) open();
    return opened;
  };
}
