import { PGlite } from '@electric-sql/pglite';
import { describe, expect, it } from '@jest/globals';
import { STOP_WORDS } from './stop-words.js';

describe('STOP_WORDS', () => {
  it("is the list that Postgres' english_stem leaves out, and no more", async () => {
    const db = new PGlite();
    const { rows } = await db.query<{ list: string }>(
      `select pg_read_file(setting || '/tsearch_data/english.stop') as list from pg_config where name = 'SHAREDIR'`,
    );
    await db.close();
    expect([...STOP_WORDS].sort()).toEqual(rows[0]?.list.trim().split('\n').sort());
  });
});
