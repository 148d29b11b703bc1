import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const IN_REACH = `coalesce(m.pool_id = any ((select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]), false)`;

const COLUMNS = `
  -- How many memories are ACTIVE, expired ones too; kept in the statement that numbers their events.
  alter table pool add column memories integer not null default 0;
  update pool p set memories = c.n
    from (select org_id, pool_id, count(*) as n from memory where status = 'ACTIVE' group by org_id, pool_id) c
    where c.org_id = p.org_id and c.pool_id = p.pool_id;
  grant update (memories) on pool to commonplace_app;

  -- Which analysis made terms and traits; what an older one made is made again in the background.
  alter table memory add column analysis smallint not null default 1;
  -- Bits: tells a time, tells a place.
  alter table memory add column traits smallint not null default 0;
  create index memory_by_expiry on memory (org_id, pool_id, expires_at) where status = 'ACTIVE' and expires_at is not null;
  create index memory_by_analysis on memory (org_id, analysis, memory_id) where content is not null;`;

/**
 * The terms that a memory shares with the question come as a tsvector's text, 'stem':1A,2A: marked and filtered in C, a row
 * costs 0.4 to 0.9 µs; unnested and aggregated it cost 24. plpgsql keeps its plan; a function in SQL is planned at each call.
 */
const SEARCH = `
  drop function sec.lexical_candidates(uuid[], text[], tsquery, text[], integer);
  create function sec.lexical_candidates(
    pools uuid[], statuses text[], query tsquery, query_terms text[], alive_at timestamptz, at_most integer
  ) returns table (
    memory_id uuid, pool_id uuid, term_count integer, frequencies text, session_id text, speaker text, written timestamptz,
    traits smallint
  ) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
  begin
    return query
      select m.memory_id, m.pool_id, m.term_count, ts_filter(setweight(m.terms, 'A', query_terms), '{a}')::text,
        m.session_id, m.speaker, coalesce(m.valid_from, m.created_at), m.traits
      from public.memory m
      where m.org_id = ${ORG} and m.pool_id = any (pools) and ${IN_REACH}
        and m.status = any (statuses) and m.terms @@ query and (m.expires_at is null or m.expires_at > alive_at)
        and (select sec.fence())
      limit at_most;
  end $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.lexical_candidates(uuid[], text[], tsquery, text[], timestamptz, integer) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on function sec.lexical_candidates(uuid[], text[], tsquery, text[], timestamptz, integer) from public;
  grant execute on function sec.lexical_candidates(uuid[], text[], tsquery, text[], timestamptz, integer) to commonplace_app;`;

export class Recall0000000000005 implements MigrationInterface {
  name = 'Recall0000000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(COLUMNS);
    await runner.query(SEARCH);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
