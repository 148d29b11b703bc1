import { expect } from '@jest/globals';
import type { TestApi, TestClient } from './api.js';
import { memorize } from './memories.js';
import { allow, editPolicy } from './policy.js';

export const LONG_AGO = '2024-03-01T10:00:00Z';

/** What is said in a session. */
export const TURNS = [
  'Ada: Hey! I ran a charity race last Saturday',
  'Ada: The violin lessons begin in Lisbon',
  'Ada: I bought 3 blue bowls',
  'Ada: The kiln cracked the largest bowl',
];

/** A shared pool that coders write to and admins consolidate. */
export async function openPool(admin: TestClient, key: string): Promise<void> {
  const input = { key, kind: 'SHARED' };
  await admin.ask('mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }', { input });
  await editPolicy(admin, (statements) => [
    ...statements,
    allow('coder', ['READ', 'WRITE', 'REVISE', 'FORGET'], [key]),
  ]);
}

/** Pools of a test's own: how a coder fills them, and what is stored of them. @param made is asked when a test runs */
export function consolidatedPools(made: () => { api: TestApi; coder: TestClient }) {
  const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await made().api.broker.database.maintenance<Row & Record<string, unknown>>(text, values)).rows;

  let pools = 0;
  async function newPool(): Promise<string> {
    const key = `pool-${pools++}`;
    await openPool(made().api.admin, key);
    return key;
  }

  const note = (pool: string, content: string, rest: Record<string, unknown> = {}) =>
    memorize(made().coder, { pool, content, ...rest });
  const fact = (pool: string, content: string, rest: Record<string, unknown> = {}) =>
    note(pool, content, { type: 'DECLARATIVE', entityId: 'ada', ...rest });

  async function session(pool: string, name = 'monday'): Promise<string[]> {
    const ids: string[] = [];
    const about = { sessionId: name, entityId: 'ada', speaker: 'Ada', validFrom: LONG_AGO, labels: ['diary'] };
    for (const content of TURNS)
      ids.push(await note(pool, `${content} (${name})`, { ...about, metadata: { from: 'chat', content } }));
    return ids;
  }

  /** There for long. */
  async function notRecalled(pool: string): Promise<string> {
    const id = await note(pool, 'nobody asks for this', { type: 'PROCEDURAL' });
    await sql(`update memory set created_at = now() - interval '100 days' where memory_id = $1`, [id]);
    return id;
  }

  /** All that is stored of a pool's memories, but for the tombstones of summaries. */
  const stored = (pool: string) =>
    sql(
      `select to_jsonb(m) - 'touched' as memory from memory m join pool p using (org_id, pool_id)
       where p.key = $1 and not (m.status = 'FORGOTTEN' and m.consolidated_at is not null) order by m.memory_id`,
      [pool],
    );
  /** What the pool counts is what is there, and its events are numbered without a hole. */
  async function expectTrueNumbers(pool: string): Promise<void> {
    const [numbers] = await sql(
      `select p.memories = (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id and m.status = 'ACTIVE')
         as counted, p.seq = (select count(*) from memory_event e where e.org_id = p.org_id and e.pool_id = p.pool_id) as dense
       from pool p where p.key = $1`,
      [pool],
    );
    expect(numbers).toEqual({ counted: true, dense: true });
  }
  const eventsOf = async (pool: string, after: number) =>
    (
      await sql<{ kind: string }>(
        'select e.kind from memory_event e join pool p using (org_id, pool_id) where p.key = $1 and e.seq > $2 order by e.seq',
        [pool, after],
      )
    ).map(({ kind }) => kind);
  const seqOf = async (pool: string) =>
    Number((await sql<{ seq: number }>('select seq from pool where key = $1', [pool]))[0]?.seq);

  return { sql, newPool, note, fact, session, notRecalled, stored, expectTrueNumbers, eventsOf, seqOf };
}
