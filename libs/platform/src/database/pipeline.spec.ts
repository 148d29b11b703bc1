import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../../../test/support/doorbells.js';
import { itOnNative, nativeOnly, openTestDatabase } from '../../../../test/support/database.js';
import type { Database, Statement, Unit, UnitScope } from './database.js';
import { Pipeline } from './pipeline.js';

let db: Database;
beforeAll(async () => {
  db = await openTestDatabase();
  await db.maintenance(
    `create table step (id int primary key); create table late (id int unique deferrable initially deferred);
    grant all on step, late to commonplace_system`,
  );
});
afterAll(() => db.close());

const opening = {
  text: 'select sec.open_system($1::uuid)',
  values: ['00000000-0000-7000-8000-000000000001'],
};
const within = <Result>(
  pipeline: Pipeline | undefined,
  work: (unit: Unit) => Promise<Result>,
  scope: Partial<UnitScope> = {},
) => db.unit({ role: 'commonplace_system', opening, pipeline, ...scope }, work);

const PID = 'pg_backend_pid() as pid';
const slow: Statement = { text: `select ${PID} from pg_sleep(0.3)` };
const insert = (id: number): Statement => ({ text: `insert into step values ($1) returning ${PID}`, values: [id] });
const last = (statement: Statement) => (unit: Unit) => unit.queryLast<{ pid: number }>(statement);
const stored = async () => (await db.maintenance<{ id: number }>('select id from step order by id')).rows;

async function started(pipeline: Pipeline): Promise<void> {
  while (!pipeline.isUnderWay) await turn();
}

describe('a pipeline', () => {
  it('sends a unit behind one that has sent all, on its connection, and is through when both are', async () => {
    const pipeline = new Pipeline();
    const ended: string[] = [];
    const first = within(pipeline, last(slow)).then((rows) => (ended.push('first'), rows));
    await started(pipeline);
    const second = within(pipeline, last(insert(1))).then((rows) => (ended.push('second'), rows));
    await turn();
    expect(pipeline.isUnderWay).toBe(true);
    expect(await first).toEqual(await second);
    expect(ended).toEqual(['first', 'second']);
    expect(await stored()).toContainEqual({ id: 1 });
    expect(pipeline.isUnderWay).toBe(false);
  });

  it('keeps the failures of a unit from the one behind it, and takes nothing behind a unit that has not sent all', async () => {
    const pipeline = new Pipeline();
    const failing = within(pipeline, last({ text: 'select 1 / (pg_sleep(0.3) is null)::int' }));
    const refused = expect(failing).rejects.toMatchObject({ code: '22012' });
    await started(pipeline);
    let goOn: () => void = () => undefined;
    const second = within(pipeline, async (unit) => {
      await new Promise<void>((resolve) => (goOn = resolve));
      return unit.queryLast(insert(2));
    });
    await turn();
    expect(pipeline.isUnderWay).toBe(false);
    await refused;
    goOn();
    await second;
    expect(await stored()).toContainEqual({ id: 2 });
  });

  it('leaves the transaction of a unit alone where the commit of the one before it fails', async () => {
    const pipeline = new Pipeline();
    const failing = within(
      pipeline,
      last({ text: 'insert into late select 1 from generate_series(1, 2), pg_sleep(0.3)' }),
    );
    const refused = expect(failing).rejects.toMatchObject({ code: '23505' });
    await started(pipeline);
    const user = { text: 'select current_user as role, pg_current_xact_id_if_assigned() is not null as writes' };
    const rows = await within(pipeline, async (unit) => {
      const { pid } = (await unit.query<{ pid: number }>(insert(6)))[0] as { pid: number };
      await refused;
      await turn();
      return [await unit.query(insert(7)), await unit.query(user)].flat().concat([{ pid }]);
    });
    expect(rows).toEqual([{ pid: expect.any(Number) }, { role: 'commonplace_system', writes: true }, rows[0]]);
    expect(await stored()).toEqual(expect.arrayContaining([{ id: 6 }, { id: 7 }]));
    await within(pipeline, last(insert(8)));
    expect(await stored()).toContainEqual({ id: 8 });
  });

  it('keeps the settings of a unit from the one behind it', async () => {
    const pipeline = new Pipeline();
    const first = within(pipeline, last(slow), { lockTimeoutMs: 50 });
    await started(pipeline);
    const settings = { text: `select current_setting('lock_timeout') as lock, current_user as role` };
    const role = 'commonplace_app';
    expect(await within(pipeline, last(settings), { role })).toEqual([{ lock: '0', role }]);
    await first;
  });

  it('prepares a statement again where the unit that did it before failed', async () => {
    const pipeline = new Pipeline();
    const named = { name: 'of_both', text: 'select 1 as one' };
    const badly = { opening: { text: 'select 1 / (pg_sleep(0.3) is null)::int' } };
    const refused = expect(within(pipeline, last(named), badly)).rejects.toMatchObject({ code: '22012' });
    await started(pipeline);
    expect(await within(pipeline, last(named))).toEqual([{ one: 1 }]);
    await refused;
  });

  it('gives its connection back where a unit throws before its last statement', async () => {
    const pipeline = new Pipeline();
    const fault = new Error('the work did not like it');
    for (let nth = 0; nth < 25; nth++) {
      const failing = within(pipeline, async (unit) => {
        await unit.query(insert(3));
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
    }
    await within(pipeline, last(insert(4)));
    expect(await stored()).not.toContainEqual({ id: 3 });
    expect(await stored()).toContainEqual({ id: 4 });
  });

  it('lets others have a connection, however many units follow each other', async () => {
    const pipeline = new Pipeline();
    let isOver = false;
    const lane = async () => {
      while (!isOver) await within(pipeline, last({ text: 'select pg_sleep(0.005)' }));
    };
    const lanes: Promise<void>[] = [];
    for (let nth = 0; nth < 3; nth++) {
      lanes.push(lane());
      await started(pipeline);
    }
    const others = Array.from({ length: 30 }, () => within(undefined, (unit) => unit.query({ text: 'select 1' })));
    await Promise.all(others);
    isOver = true;
    await Promise.all(lanes);
  });

  itOnNative(nativeOnly('fails all that are on a connection which is lost, and goes on with another'), async () => {
    const pipeline = new Pipeline();
    const first = within(pipeline, last({ text: `select ${PID} from pg_sleep(20)` }));
    await started(pipeline);
    const second = within(pipeline, last(insert(5)));
    const ends = Promise.allSettled([first, second]);
    await turn();
    // Where the machine is busy, Postgres may still be at the beginning of the unit.
    const kill = `select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(20)%' and pid <> pg_backend_pid()`;
    await eventually(async () => (await db.maintenance(kill)).rowCount === 1);
    for (const end of await ends) {
      expect(end.status).toBe('rejected');
      expect((end as PromiseRejectedResult).reason).toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(pipeline.isUnderWay).toBe(false);
    const pids = await Promise.all(
      Array.from({ length: 10 }, (_, nth) => within(pipeline, last(insert(10 + nth))).then(([row]) => row?.pid)),
    );
    expect(pids).not.toContain(undefined);
    expect(await stored()).not.toContainEqual({ id: 5 });
  });
});
