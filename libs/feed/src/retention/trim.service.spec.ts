import { newId } from '#kernel';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startTestApi, type TestApi } from '../../../../test/support/api.js';
import { nativeOnly, itOnNative } from '../../../../test/support/database.js';
import { eventually } from '../../../../test/support/doorbells.js';
import { findPoolsToTrim, takeTrimLock } from './trim.repository.js';
import { TrimLog } from './trim.service.js';

const DAYS = 7;
const OLD = "now() - interval '8 days'";
const NEW = "now() - interval '6 days'";

let api: TestApi;
let trimLog: TrimLog;
beforeAll(async () => {
  // The broker trims by itself too, and has nothing to trim here.
  api = await startTestApi({ FEED_RETENTION_DAYS: '36500' });
});
beforeEach(async () => {
  trimLog = new TrimLog(api.broker.access, DAYS, (error) => {
    throw error;
  });
  await sql('delete from memory_event');
});
afterEach(() => trimLog.stop());
afterAll(() => api.close());

const sql = (text: string, values: unknown[] = []) =>
  api.broker.database.maintenance<{ seqs: number[]; id: string }>(text, values);

/** The log of a pool, as if its events had been written at these times; an event has the number of its place. */
async function write(pool: string, times: readonly string[]): Promise<void> {
  for (const [i, time] of times.entries()) await writeMany(pool, [i + 1, i + 1], time);
}

async function writeMany(pool: string, [from, to]: [number, number], time: string): Promise<void> {
  await sql(
    `insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
     select org_id, pool_id, n, $2, 'MEMORIZED', ${time}, 1 from pool, generate_series($3::bigint, $4::bigint) n where key = $1`,
    [pool, newId(), from, to],
  );
}

async function left(pool: string): Promise<number[]> {
  const { rows } = await sql(
    `select coalesce(array_agg(e.seq::integer order by e.seq), '{}') as seqs
     from memory_event e join pool p using (org_id, pool_id) where p.key = $1`,
    [pool],
  );
  return rows[0]?.seqs ?? [];
}

describe('trimming the log', () => {
  it('deletes what is older than it is kept, of every pool, and tells how much that was', async () => {
    await write('coder', [OLD, OLD, NEW]);
    await write('shared', [OLD, NEW, NEW]);
    await write('planner', [NEW]);
    await write('tester', [OLD]);
    expect(await trimLog.run()).toBe(4);
    expect([await left('coder'), await left('shared'), await left('planner'), await left('tester')]).toEqual([
      [3],
      [2, 3],
      [1],
      [],
    ]);
    expect(await trimLog.run()).toBe(0);
  });

  it('looks at those pools alone whose own oldest event is old', async () => {
    await write('coder', [OLD]);
    await writeMany('shared', [5, 6], NEW);
    const { access } = api.broker;
    const found = await access.system('test', (unit) => findPoolsToTrim(unit, access.orgId, DAYS));
    const { rows } = await sql(`select pool_id as id from pool where key = 'coder'`);
    expect(found).toEqual(rows.map(({ id }) => id));
  });

  it('makes no hole where the clock had stepped: what is old behind what is new stays until that is old', async () => {
    await write('coder', [OLD, NEW, OLD, OLD, NEW]);
    await write('shared', [NEW, OLD]);
    expect(await trimLog.run()).toBe(1);
    expect([await left('coder'), await left('shared')]).toEqual([
      [2, 3, 4, 5],
      [1, 2],
    ]);
  });

  it('goes on batch by batch until nothing old is left', async () => {
    await writeMany('coder', [1, 12_000], OLD);
    await writeMany('coder', [12_001, 12_003], NEW);
    await writeMany('shared', [1, 5_000], OLD);
    expect(await trimLog.run()).toBe(17_000);
    expect([await left('coder'), await left('shared')]).toEqual([[12_001, 12_002, 12_003], []]);
  });

  it('keeps to the days that were configured', async () => {
    await write('coder', [OLD, NEW]);
    expect(await new TrimLog(api.broker.access, 9, () => undefined).run()).toBe(0);
    expect(await new TrimLog(api.broker.access, 1, () => undefined).run()).toBe(2);
  });

  it('goes on by itself once it was started, and no more once it was stopped', async () => {
    await write('coder', [OLD]);
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    trimLog.start();
    random.mockRestore();
    await eventually(async () => (await left('coder')).length === 0);
    await trimLog.stop();
    await write('coder', [OLD]);
    trimLog.start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await left('coder')).toEqual([1]);
  });

  itOnNative(nativeOnly('is left to the broker that is at it'), async () => {
    await write('coder', [OLD, OLD]);
    const { access } = api.broker;
    await access.system('test', async (unit) => {
      expect(await takeTrimLock(unit, access.orgId)).toBe(true);
      expect(await trimLog.run()).toBe(0);
    });
    expect(await left('coder')).toEqual([1, 2]);
    expect(await trimLog.run()).toBe(2);
  });

  itOnNative(
    nativeOnly('by eight brokers at once deletes each event once, and leaves no hole at any moment'),
    async () => {
      await writeMany('coder', [1, 30_000], OLD);
      await writeMany('coder', [30_001, 30_010], NEW);
      const holes: number[][] = [];
      let trimming = true;
      const watching = (async () => {
        while (trimming) {
          const seqs = await left('coder');
          if (seqs.length !== 30_010 - (seqs[0] as number) + 1) holes.push(seqs);
        }
      })();
      const runs = Array.from({ length: 8 }, () => new TrimLog(api.broker.access, DAYS, () => undefined).run());
      const total = (await Promise.all(runs)).reduce((sum, deleted) => sum + deleted, 0);
      trimming = false;
      await watching;
      expect(total + (await trimLog.run())).toBe(30_000);
      expect(holes).toEqual([]);
      expect((await left('coder'))[0]).toBe(30_001);
    },
  );
});
