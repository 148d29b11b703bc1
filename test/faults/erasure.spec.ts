import type { Principal } from '#access';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { describeOnNative, nativeOnly } from '../support/database.js';
import { MEMORIZE, memorize } from '../support/memories.js';

let api: TestApi;
let coder: TestClient & { id: string };
let principal: Principal;

beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  principal = await api.broker.credentials.authenticate(coder.key);
});
afterAll(() => api.close());

/** Once so many sessions wait for a lock. */
async function waiting(count: number): Promise<void> {
  const text = `select count(*)::integer as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  for (let n = 0; n < 200; n++) {
    const { rows } = await api.broker.database.maintenance<{ n: number }>(text);
    if ((rows[0]?.n ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Nobody waits for a lock');
}

const statusOf = async (content: string) => {
  const text = 'select status from memory where content = $1';
  return (await api.broker.database.maintenance<{ status: string }>(text, [content])).rows.map(({ status }) => status);
};

describeOnNative(nativeOnly('an erasure'), () => {
  it('takes along what was being made of its memory, which it looked for before it was there', async () => {
    const id = await memorize(coder, { content: 'Spinel', entityId: 'spinel' });
    let erased: Promise<{ ids: string[] }> | undefined;
    const [item] = await api.broker.memorize.memorizeTogether(
      principal,
      [{ content: 'Made of spinel', type: 'EPISODIC', derivedFrom: [id] }],
      () => 'input',
      {
        after: async () => {
          erased = api.broker.erase.erase(principal, { entityId: 'spinel' });
          await waiting(1);
        },
      },
    );
    const { ids } = (await erased) as { ids: string[] };
    expect(ids).toEqual([id, item?.result?.memory.id].sort());
    expect(await statusOf('Made of spinel')).toEqual([]);
  });

  it('has refused what is to be made of its memory while it is under way, which was stored behind it', async () => {
    const id = await memorize(coder, { content: 'Sphene' });
    const input = { content: 'Made of sphene', type: 'EPISODIC', derivedFrom: [id] };
    let erased: Promise<unknown> | undefined;
    let made: ReturnType<TestClient['send']> | undefined;
    await api.broker.access.write(principal, async (unit) => {
      await unit.query({ text: `select from pool where key = 'coder' for update`, values: [] });
      erased = api.broker.erase.erase(principal, { id });
      await waiting(1);
      made = coder.send(MEMORIZE, { input });
      await waiting(2);
    });
    await erased;
    expect((await made)?.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_INPUT', field: 'input.derivedFrom.0' });
    expect(await statusOf('Made of sphene')).toEqual([]);
  });
});

/** The others of its sources used to stay archived, behind a tombstone. */
describe('a summary that is erased with one of its sources', () => {
  const summarize = async (word: string) => {
    const ids = await Promise.all(['one', 'two', 'three'].map((n) => memorize(coder, { content: `${word} ${n}` })));
    const summary = await memorize(coder, { content: `All of ${word}`, derivedFrom: ids });
    const { database } = api.broker;
    await database.maintenance(
      `update memory set status = 'ARCHIVED', superseded_by = $2 where memory_id = any($1::uuid[])`,
      [ids, summary],
    );
    await database.maintenance(`update pool set memories = memories - 3 where key = 'coder'`);
    return { ids, summary };
  };

  it('leaves the others to stand for themselves again, but for what the pool holds by now', async () => {
    const { ids, summary } = await summarize('Tanzanite');
    await memorize(coder, { content: 'Tanzanite three' });
    const receipt = await api.broker.erase.erase(principal, { id: ids[0] as string });
    expect(receipt.ids).toEqual([ids[0], summary].sort());
    const { database } = api.broker;
    const { rows } = await database.maintenance(
      `select status, superseded_by as by, (select string_agg(e.kind, ' ' order by e.seq) from memory_event e where e.memory_id = m.memory_id) as events
       from memory m where memory_id = any($1::uuid[]) order by content`,
      [ids.slice(1)],
    );
    expect(rows).toEqual([
      { status: 'ARCHIVED', by: summary, events: 'MEMORIZED' },
      { status: 'ACTIVE', by: null, events: 'MEMORIZED REVISED' },
    ]);
    const counts = await database.maintenance<Record<string, number>>(
      `select memories, seq::integer, (select count(*)::integer from memory m where m.pool_id = p.pool_id and m.status = 'ACTIVE') as there,
         (select max(e.seq)::integer from memory_event e where e.pool_id = p.pool_id) as last from pool p where key = 'coder'`,
    );
    const { memories, seq, there, last } = counts.rows[0] as Record<string, number>;
    expect([memories, seq]).toEqual([there, last]);
  });

  it('brings nothing back where it is named itself: its sources say what is to be gone', async () => {
    const { summary } = await summarize('Thulite');
    expect((await api.broker.erase.erase(principal, { id: summary })).ids).toEqual([summary]);
    for (const n of ['one', 'two', 'three']) expect(await statusOf(`Thulite ${n}`)).toEqual(['ARCHIVED']);
  });
});
