import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const POOLS = `(select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]`;
const FENCE = `(select sec.fence())`;

/** The owner may be held to row-level security, which is lifted for the one update. */
const COLUMN = `
  -- In one order, before anything else: who has one of them does not wait for the other.
  lock table principal, memory in access exclusive mode;
  -- What the author's role was when it wrote the memory: conditions look at it.
  alter table memory add column author_role text;
  alter table memory no force row level security;
  alter table principal no force row level security;
  update memory m set author_role = p.role_key from principal p where p.org_id = m.org_id and p.principal_id = m.author_id;
  alter table memory force row level security;
  alter table principal force row level security;`;

/** As 0002 made it, and the author's role with it. */
const SOURCE = `
  drop function sec.promotion_source(uuid);
  create function sec.promotion_source(copy uuid)
  returns table (memory_id uuid, pool_id uuid, type text, status text, was_held boolean, entity_id text, session_id text,
    speaker text, author_id uuid, author_role text, importance smallint, labels text[], created_at timestamptz, valid_from timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select s.memory_id, s.pool_id, s.type, s.status, s.was_held, s.entity_id, s.session_id, s.speaker, s.author_id,
      s.author_role, s.importance, s.labels, s.created_at, s.valid_from
    from public.memory c join public.memory s on s.org_id = c.org_id and s.memory_id = c.promoted_from
    where c.org_id = ${ORG} and c.memory_id = copy and c.status in ('PROPOSED', 'QUARANTINED')
      and coalesce(c.pool_id = any (${POOLS}), false) and ${FENCE}
  $$;
  grant usage, create on schema sec to commonplace_definer;
  alter function sec.promotion_source(uuid) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on function sec.promotion_source(uuid) from public;
  grant execute on function sec.promotion_source(uuid) to commonplace_app;`;

export class AuthorRole0000000000016 implements MigrationInterface {
  name = 'AuthorRole0000000000016';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [COLUMN, SOURCE]) await runner.query(part);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
