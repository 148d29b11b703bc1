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

const SIGNATURE = 'uuid[], text[], text[], timestamptz, integer, integer';
const FOUND = `m.org_id = ${ORG} and m.pool_id = any (pools) and ${IN_REACH} and m.status = any (statuses)
        and (m.expires_at is null or m.expires_at > alive_at) and (select sec.fence())`;

/**
 * The terms that a memory shares with the question come as a tsvector's text, 'stem':1A,2A: marked and filtered in C, a row
 * costs 0.4 to 0.9 µs; unnested and aggregated it cost 24. plpgsql keeps its plans; a function in SQL is planned at each call.
 *
 * With a budget, in pools of more than twice as many memories, only the rarest terms look for candidates, as many as have so
 * many together; then there is a row for each term, without a memory, with how many hold it. Only for callers who may read
 * whole pools: what the others are counted from is theirs to read.
 */
const SEARCH = `
  drop function sec.lexical_candidates(uuid[], text[], tsquery, text[], integer);
  create function sec.lexical_candidates(
    pools uuid[], statuses text[], query_terms text[], alive_at timestamptz, budget integer, at_most integer
  ) returns table (
    memory_id uuid, pool_id uuid, term_count integer, frequencies text, session_id text, speaker text, written timestamptz,
    traits smallint, holds boolean
  ) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
  declare
    term text;
    held integer;
    counts jsonb := '{}';
    asked text[] := query_terms;
    query tsquery;
  begin
    if budget is not null and 2 * budget < (
      select sum(p.memories) from public.pool p where p.org_id = ${ORG} and p.pool_id = any (pools)
    ) then
      foreach term in array query_terms loop
        query := quote_literal(term);
        select count(*) into held from public.memory m where ${FOUND} and m.terms @@ query;
        counts := counts || jsonb_build_object(term, held);
        memory_id := null; term_count := held; frequencies := term;
        return next;
      end loop;
      asked := array(
        select t.term from (
          select c.key as term, sum(c.value::integer) over (order by c.value::integer, c.key) as together,
            row_number() over (order by c.value::integer, c.key) as place
          from jsonb_each_text(counts) c where c.value::integer > 0
        ) t where t.together <= budget or t.place = 1);
    end if;
    query := nullif(array_to_string(array(select quote_literal(a) from unnest(asked) a), ' | '), '');
    return query
      select m.memory_id, m.pool_id, m.term_count, ts_filter(setweight(m.terms, 'A', query_terms), '{a}')::text,
        m.session_id, m.speaker, coalesce(m.valid_from, m.created_at), m.traits,
        (m.valid_from is null or m.valid_from <= alive_at) and (m.valid_to is null or m.valid_to > alive_at)
      from public.memory m
      where ${FOUND} and m.terms @@ query
      limit at_most;
  end $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.lexical_candidates(${SIGNATURE}) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on function sec.lexical_candidates(${SIGNATURE}) from public;
  grant execute on function sec.lexical_candidates(${SIGNATURE}) to commonplace_app;
  grant select (org_id, pool_id, memories) on pool to commonplace_definer;
  create policy definer_select on pool for select to commonplace_definer using (true);`;

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
