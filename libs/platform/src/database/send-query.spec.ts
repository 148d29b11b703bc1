import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { openTestDatabase } from '../../../../test/support/database.js';
import { type Database, type Statement, type UnitScope } from './database.js';

const SYSTEM: UnitScope = {
  role: 'commonplace_system',
  opening: { text: 'select sec.open_system($1::uuid)', values: ['00000000-0000-7000-8000-000000000001'] },
};

let db: Database;
let described = 0;
beforeAll(async () => {
  db = await openTestDatabase();
  await db.maintenance('create table shape (id int primary key); grant all on shape to commonplace_system');
  const { pool } = db as unknown as { pool: pg.Pool };
  const heard = new WeakSet<pg.PoolClient>();
  pool.on('acquire', (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    const { connection } = client as unknown as { connection: EventEmitter };
    connection.on('rowDescription', () => described++);
  });
});
afterAll(() => db.close());
beforeEach(() => {
  described = 0;
});

const ask = (statement: Statement) => db.unit(SYSTEM, (unit) => unit.query(statement));
/** The opening of the unit is described each time: it has no name. */
const describedBy = async (statement: Statement) => {
  described = 0;
  const rows = await ask(statement);
  return { rows, described: described - 1 };
};

describe('a statement whose plan is kept', () => {
  it('answers the same rows when Postgres has said before what columns they have, and is described once', async () => {
    const statement = {
      name: 'shapes',
      text: `select n, n::bigint as big, case when n > 1 then 'text' end as text, array['a', null, n::text] as list, '{}'::text[] as none,
        jsonb_build_object('n', n) as json, timestamptz '2026-01-02 03:04:05.678+00' as time, decode('00ff', 'hex') as bytes
        from generate_series(1, $1::integer) as n`,
    };
    const row = (n: number) => ({
      n,
      big: n,
      text: n > 1 ? 'text' : null,
      list: ['a', null, String(n)],
      none: [],
      json: { n },
      time: new Date('2026-01-02T03:04:05.678Z'),
      bytes: Buffer.from([0, 255]),
    });
    expect(await describedBy({ ...statement, values: [2] })).toEqual({ rows: [row(1), row(2)], described: 1 });
    expect(await describedBy({ ...statement, values: [3] })).toEqual({ rows: [1, 2, 3].map(row), described: 0 });
    expect(await describedBy({ ...statement, values: [0] })).toEqual({ rows: [], described: 0 });
  });

  it('is described each time where it has no name, and where it answers no rows it changes nothing', async () => {
    const text = 'select 1 as one';
    for (let time = 0; time < 2; time++)
      expect(await describedBy({ text })).toEqual({ rows: [{ one: 1 }], described: 1 });
    const insert = {
      name: 'no_rows',
      text: 'insert into shape select $1::integer on conflict do nothing',
      values: [1],
    };
    for (let time = 0; time < 2; time++) expect(await describedBy(insert)).toEqual({ rows: [], described: 0 });
  });

  it('is described when it first succeeds, be it after a failure', async () => {
    const half = (by: number) => ({ name: 'half', text: 'select 1 / $1::integer as half', values: [by] });
    await expect(ask({ name: 'lost', text: 'select * from nowhere' })).rejects.toMatchObject({ code: '42P01' });
    await expect(ask({ name: 'lost', text: 'select * from nowhere' })).rejects.toMatchObject({ code: '42P01' });
    await expect(ask(half(0))).rejects.toMatchObject({ code: '22012' });
    expect(await ask(half(1))).toEqual([{ half: 1 }]);
    expect(await ask(half(1))).toEqual([{ half: 1 }]);
  });

  it('fails where its columns are others by now, and reads none of them as another', async () => {
    const all = { name: 'all_of_shape', text: 'select * from shape' };
    expect(await ask(all)).toEqual([{ id: 1 }]);
    await db.maintenance(`alter table shape add column more text default 'more'`);
    // '0A000': cached plan must not change result type.
    await expect(ask(all)).rejects.toMatchObject({ code: '0A000' });
    expect(await ask({ text: 'select * from shape' })).toEqual([{ id: 1, more: 'more' }]);
  });
});
