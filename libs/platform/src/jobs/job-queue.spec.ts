import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { openTestDatabase } from '../../../../test/support/database.js';
import type { Database, UnitScope } from '../database/database.js';
import { JobQueue } from './job-queue.js';

const SYSTEM: UnitScope = {
  role: 'commonplace_system',
  opening: { text: 'select sec.open_system($1::uuid)', values: ['00000000-0000-7000-8000-000000000001'] },
};
const LONG_SECONDS = 60;

let database: Database;
let queue: JobQueue;
let errors: Error[];

beforeEach(async () => {
  errors = [];
  database = await openTestDatabase();
  queue = new JobQueue(database, (error) => errors.push(error));
});
afterEach(async () => {
  await queue.stop();
  await database.close();
});

async function enqueue(data: object): Promise<void> {
  await database.unit(SYSTEM, (unit) => queue.enqueue(unit, 'work', data));
  // The embedded database's clock has milliseconds, and jobs of one time have no order.
  await pause(2);
}
const states = async () =>
  (
    await database.maintenance<{ state: string }>(`select state from job.job where name = 'work' order by created_on`)
  ).rows.map(({ state }) => state);

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await pause(20);
  }
}

describe('the job queue', () => {
  it('does one job after the other, each once', async () => {
    const done: number[] = [];
    let underWay = 0;
    let most = 0;
    queue.register<{ n: number }>(
      'work',
      async ({ n }) => {
        most = Math.max(most, ++underWay);
        await pause(5);
        underWay--;
        done.push(n);
      },
      LONG_SECONDS,
    );
    await queue.start();
    for (let n = 0; n < 20; n++) await enqueue({ n });
    await until(() => done.length >= 20);
    expect(done).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(most).toBe(1);
    await until(async () => (await states()).every((state) => state === 'completed'));
  });

  it('tells again what became of a job where Postgres failed as it ended, and does not do it twice', async () => {
    let done = 0;
    queue.register('work', async () => void done++, LONG_SECONDS);
    await queue.start();
    await database.maintenance(
      `create function fails() returns trigger language plpgsql as $$ begin raise exception 'no more room'; end $$;
       create trigger fails before update on job.job for each row when (new.state = 'completed') execute function fails()`,
    );
    await enqueue({});
    await until(() => errors.length > 0);
    expect(errors[0]?.message).toContain('no more room');
    await database.maintenance('drop function fails() cascade');
    await until(async () => (await states())[0] === 'completed');
    expect(done).toBe(1);
  });

  it('has a job that failed, or takes too long, for later, and goes on with the next', async () => {
    const begun: string[] = [];
    queue.register<{ kind: string }>(
      'work',
      async ({ kind }) => {
        begun.push(kind);
        if (kind === 'fails') throw new Error('failed');
        if (kind === 'hangs') await new Promise(() => undefined);
      },
      1,
    );
    await queue.start();
    for (const kind of ['fails', 'hangs', 'works']) await enqueue({ kind });
    await until(async () => (await states())[2] === 'completed');
    const times = (kind: string) => begun.filter((other) => other === kind).length;
    await until(() => times('fails') > 1 && times('hangs') > 1);
    expect(times('works')).toBe(1);
    expect(errors).toEqual([]);
  });

  it('waits in its stop for the job that is under way, also for one that it was just about to begin', async () => {
    let begun = 0;
    let ended = 0;
    queue.register(
      'work',
      async () => {
        begun++;
        await pause(50);
        ended++;
      },
      LONG_SECONDS,
    );
    let isWaiting = false;
    let fetched = 0;
    let stopped: Promise<void> | undefined;
    const ask = database.maintenance.bind(database);
    jest.spyOn(database, 'maintenance').mockImplementation((async (text: string, values?: unknown[]) => {
      if (!text.includes('SKIP LOCKED')) return ask(text, values);
      if (isWaiting) stopped ??= queue.stop();
      const answer = await ask(text, values);
      fetched++;
      return answer;
    }) as typeof ask);
    await queue.start();
    // The next time it looks is two seconds later.
    await until(() => fetched > 0);
    await enqueue({});
    isWaiting = true;
    await until(() => stopped !== undefined);
    await stopped;
    expect({ begun, ended, states: await states() }).toEqual({ begun: 1, ended: 1, states: ['completed'] });
  });

  it('does not wait for ever: what does not end has failed, and is due again', async () => {
    let begun = 0;
    queue.register(
      'work',
      () => {
        begun++;
        return new Promise(() => undefined);
      },
      LONG_SECONDS,
    );
    await queue.start();
    await enqueue({});
    await until(() => begun === 1);
    await queue.stop();
    await until(async () => (await states())[0] === 'retry');
  });

  it('waits in its stop for the upkeep that is under way', async () => {
    queue.register('work', async () => undefined, LONG_SECONDS);
    await queue.start();
    const ask = database.maintenance.bind(database);
    let underWay = 0;
    let asked = 0;
    jest.spyOn(database, 'maintenance').mockImplementation(async (...statement) => {
      asked++;
      underWay++;
      await pause(100);
      return ask(...statement).finally(() => underWay--) as never;
    });
    const { boss } = queue as unknown as { boss: { maintain: () => Promise<void> } };
    const upkeep = boss.maintain();
    await queue.stop();
    expect([asked > 0, underWay]).toEqual([true, 0]);
    await upkeep;
    expect(errors).toEqual([]);
  });

  it('stops also while Postgres is silent', async () => {
    queue.register('work', () => Promise.resolve(), LONG_SECONDS);
    let isAsked = false;
    const ask = database.maintenance.bind(database);
    jest.spyOn(database, 'maintenance').mockImplementation(((text: string, values?: unknown[]) => {
      if (!text.includes('SKIP LOCKED')) return ask(text, values);
      isAsked = true;
      return new Promise(() => undefined);
    }) as typeof ask);
    await queue.start();
    await until(() => isAsked);
    await expect(queue.stop()).resolves.toBeUndefined();
  });
});
