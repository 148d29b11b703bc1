import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The transaction that last wrote what recall reads of a memory: a broker that keeps a pool's words in memory asks for the rows
 * that its last look did not see. Numbers of the log would not do: reading memories again and consolidating change rows
 * without an event. A constant first and the default behind it, so that a large table is not written anew.
 *
 * Not for what recall reads from the row itself, such as corroborations: a column in an index costs an update its short way.
 */
const TOUCHED = `
  alter table memory add column touched xid8 not null default '0'::xid8;
  alter table memory alter column touched set default pg_current_xact_id();
  create index memory_by_touch on memory (org_id, pool_id, touched);

  create function sec.touch() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
  begin
    new.touched := pg_current_xact_id();
    return new;
  end $$;
  revoke all on function sec.touch() from public;
  create trigger touched before update of
      org_id, memory_id, pool_id, type, status, was_held, terms, term_count, traits, entity_id, session_id, speaker, importance,
      labels, author_id, author_role, created_at, valid_from, valid_to, expires_at
    on memory for each row execute function sec.touch();`;

export class Touched0000000000017 implements MigrationInterface {
  name = 'Touched0000000000017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TOUCHED);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
