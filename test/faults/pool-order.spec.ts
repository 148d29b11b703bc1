import { describe, expect } from '@jest/globals';
import { startTestApi } from '../support/api.js';
import { createNativeDatabase, itOnNative, nativeOnly, openTestDatabase } from '../support/database.js';
import { allow, editPolicy } from '../support/policy.js';
import { eventLogs } from './writers.js';

const MANY =
  'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { index code message } } }';
const ERASE = 'mutation ($input: EraseInput!) { erase(input: $input) { ids } }';
const CREATE_POOL = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';

const memory = (content: string, rest: object = {}) => ({ content, type: 'EPISODIC', ...rest });
const times = <Result>(n: number, work: (i: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: n }, (_, i) => work(i)));

describe('batches to several pools', () => {
  itOnNative.each([
    ['all theirs to write', [['coder', [0, 24], []]]],
    [
      'some theirs to write and some to propose to',
      [
        ['coder', [0, 12], [12, 24]],
        ['planner', [12, 24], [0, 12]],
      ],
    ],
  ] as [string, [string, number[], number[]][]][])(
    nativeOnly('%s, and what is erased from all of them, meet in no deadlock'),
    async (_, roles) => {
      const url = await createNativeDatabase();
      const api = await startTestApi({}, await openTestDatabase(url));
      const pools = Array.from({ length: 24 }, (_, n) => `lane-${n}`);
      for (const key of pools) await api.admin.ask(CREATE_POOL, { input: { key, kind: 'SHARED' } });
      const statements = roles.flatMap(([role, written, proposed]) => [
        allow(role, ['WRITE'], pools.slice(...written)),
        ...(proposed.length ? [allow(role, ['PROPOSE'], pools.slice(...proposed))] : []),
      ]);
      const mayErase = allow('reviewer', ['READ', 'FORGET'], pools);
      await editPolicy(api.admin, (before) => [...before, ...statements, mayErase]);
      const eraser = await api.agent('reviewer');
      let isWriting = true;
      let erased = 0;
      // One erasing takes 500 memories at most: of each there are fewer than 300.
      const eraseAll = async () => {
        for (const who of [0, 1, 2, 3]) {
          const input = { entityId: `somebody ${who}` };
          erased += (await eraser.ask<{ erase: { ids: string[] } }>(ERASE, { input })).erase.ids.length;
        }
      };
      const erasing = (async () => {
        while (isWriting) await eraseAll();
        await eraseAll();
      })();
      // Awaited below; until then its failure is nobody's.
      erasing.catch(() => undefined);
      const writing = times(8, async (i) => {
        const writer = await api.agent((roles[i % roles.length] as (typeof roles)[number])[0]);
        for (let turn = 0; turn < 20; turn++) {
          // Each begins elsewhere and takes other steps, so that no two take the pools in one order by themselves.
          const pool = (n: number) =>
            pools[(n * ([1, 5, 7, 11][(i + turn) % 4] as number) + i * 3 + turn) % pools.length];
          // Some contents are everybody's: of those the memories are waited for, too. Some are about who is erased.
          const note = (n: number) =>
            n % 3
              ? memory(`${i} ${turn} ${n}`, { entityId: n % 3 === 1 ? `somebody ${turn % 4}` : null })
              : memory(`of all ${turn} ${n}`);
          const inputs = Array.from({ length: 20 }, (_, n) => ({ ...note(n), pool: pool(n) }));
          const { memorizeMany } = await writer.ask<{ memorizeMany: { failures: unknown[] } }>(MANY, { inputs });
          expect(memorizeMany.failures).toEqual([]);
        }
      });
      await writing.finally(() => (isWriting = false));
      await erasing;
      expect(erased).toBeGreaterThan(500);
      for (const log of await eventLogs(api.broker.database)) expect(log.most).toBe(log.events);
      // Whoever met in one ran again, and nobody was told; Postgres counts them when their connections end.
      await api.close();
      const after = await openTestDatabase(url);
      const text = 'select deadlocks from pg_stat_database where datname = $1';
      const { rows } = await after.maintenance(text, [new URL(url).pathname.slice(1)]);
      await after.close();
      expect(rows).toEqual([{ deadlocks: 0 }]);
    },
  );
});
