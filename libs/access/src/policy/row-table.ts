import { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import { rowValues } from './arbitraries.js';
import { type Test } from './condition.js';
import { type SqlParams } from './sql-params.js';
import { hashOf, noteKept, valuesAsKeys } from './value-list.js';
import { IMPORTANCES, type MemoryRow } from './vocabulary.js';

/** Only for specs: random rows, in the process and in a Postgres of their own, without row-level security. */

const TABLE = `create table memory (
  id uuid primary key default gen_random_uuid(), pool_id uuid not null, type text not null, status text not null,
  was_held boolean not null,
  entity_id text, session_id text, speaker text, author_id uuid, author_role text, importance smallint not null,
  labels text[] not null, created_at timestamptz not null, valid_from timestamptz,
  content text not null default 'content', metadata jsonb not null default '{}')`;

const LISTS = 'create table policy_list (org_id uuid, hash bytea, members jsonb, primary key (org_id, hash))';
const ORG = '00000000-0000-7000-8000-000000000000';
const KEEP = `insert into policy_list values ($1, $2, $3::jsonb) on conflict do nothing`;

const INSERT = `insert into memory (pool_id, type, status, was_held, entity_id, session_id, speaker, author_id, author_role, importance, labels, created_at, valid_from)
  select pool_id, type, status, status = 'FORGOTTEN' and importance = 1, entity_id, session_id, speaker, author_id, author_role, importance,
    array(select jsonb_array_elements_text(labels)), created_at, valid_from
  from jsonb_to_recordset($1::jsonb) as r(pool_id uuid, type text, status text, entity_id text, session_id text,
    speaker text, author_id uuid, author_role text, importance smallint, labels jsonb, created_at timestamptz, valid_from timestamptz)`;

const ROWS = `select id, pool_id as "poolId", type, status, was_held as "wasHeld", entity_id as "entityId",
  session_id as "sessionId", speaker, author_id as "authorId", author_role as "authorRole", importance as place, labels, created_at as "createdAt",
  valid_from as "validFrom" from memory order by id`;

export class RowTable {
  private constructor(
    private readonly db: PGlite,
    readonly rows: readonly MemoryRow[],
  ) {}

  static async make(count: number, seed: number): Promise<RowTable> {
    const db = new PGlite();
    await db.exec(TABLE);
    await db.exec(LISTS);
    await db.query(INSERT, [JSON.stringify(fc.sample(rowValues, { numRuns: count, seed }))]);
    const { rows } = await db.query<MemoryRow & { place: number }>(ROWS);
    const named = rows.map(({ place, ...row }) => ({
      ...row,
      importance: IMPORTANCES[place - 1] as MemoryRow['importance'],
    }));
    return new RowTable(db, named);
  }

  /** In the order of `rows`. */
  async select(expressions: string, where: string, params: SqlParams): Promise<Record<string, unknown>[]> {
    const text = `select m.id, ${expressions} from memory m where ${where} order by m.id`;
    return (await this.db.query<Record<string, unknown>>(text, params.values)).rows;
  }

  /** From now on these lists are looked up where they are kept, and not sent. */
  async keep(tests: readonly Test[]): Promise<void> {
    for (const test of tests) {
      const hash = hashOf(test);
      await this.db.query(KEEP, [ORG, hash, valuesAsKeys(test)]);
      noteKept(test, { orgId: ORG, hash });
    }
  }

  close(): Promise<void> {
    return this.db.close();
  }
}
