import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE } from '../libs/access/src/policy/catalogue.js';
import { DECISION_COLUMNS } from '../libs/memory/src/memory.repository.js';
import { startTestApi, type TestApi } from './support/api.js';
import { memorize } from './support/memories.js';

/** What kept terms are made of, beside what a decision reads. */
const OF_TERMS = ['terms', 'term_count', 'traits', 'valid_to', 'expires_at', 'status', 'pool_id', 'org_id'];
const READ = [
  ...new Set([
    ...Object.values(CATALOGUE).map(({ column }) => column),
    ...[...DECISION_COLUMNS.matchAll(/\bm\.(\w+)/g)].map(([, column]) => column as string),
    ...OF_TERMS,
  ]),
].sort();

let api: TestApi;
let database: Database;
let id: string;
beforeAll(async () => {
  api = await startTestApi();
  database = api.broker.database;
  id = await memorize(await api.agent('coder'), {
    content: 'the crane is mended',
    sessionId: 'monday',
    labels: ['red'],
  });
});
afterAll(() => api.close());

const touched = async (): Promise<string> =>
  (await database.maintenance<{ at: string }>('select touched::text as at from memory where memory_id = $1', [id]))
    .rows[0]?.at as string;

/** @returns whether kept terms would hear of it */
async function isHeard(set: string): Promise<boolean> {
  const before = await touched();
  await database.maintenance(`update memory set ${set} where memory_id = $1`, [id]);
  return (await touched()) !== before;
}

describe('what recall keeps of a memory', () => {
  it.each(READ)('is told of a change of %s', async (column) => {
    expect(await isHeard(`${column} = ${column}`)).toBe(true);
  });

  it('is told of by a trigger that names all of it, and nothing that is not read', async () => {
    const { rows } = await database.maintenance<{ name: string }>(
      `select a.attname::text as name from pg_trigger t join pg_attribute a
         on a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::int2[])
       where t.tgname = 'touched' and t.tgrelid = 'memory'::regclass order by 1`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(READ);
  });

  it('is not told of what is read from the row itself: an index would cost each of these updates its short way', async () => {
    expect(await isHeard('corroborations = corroborations + 1')).toBe(false);
    expect(await isHeard('version = version + 1, change_reason = null')).toBe(false);
  });

  it('is told of a new memory by the column’s default', async () => {
    expect(BigInt(await touched())).toBeGreaterThan(0n);
  });
});
