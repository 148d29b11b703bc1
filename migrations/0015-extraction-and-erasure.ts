import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const PRINCIPAL = `nullif(current_setting('app.principal', true), '')::uuid`;
const POOLS = `(select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]`;
const FENCE = `(select sec.fence())`;

const TABLES = `
  -- What is to be learnt from a conversation. Its turns are memories; nothing of what they say stands here.
  create table extraction (
    org_id uuid not null references organization,
    extraction_id uuid not null,
    principal_id uuid not null,
    -- The key that it was asked for with: where that has ended, nothing more is learnt in its name.
    key_id uuid,
    pool_id uuid not null,
    status text not null check (status in ('QUEUED', 'SUCCEEDED', 'FAILED', 'SKIPPED')),
    -- How often the model was asked in vain.
    attempts integer not null default 0,
    -- The turns that were read; what comes of the next is stored in the transaction that counts them.
    turns_read integer not null default 0,
    -- What the model suggested and its author may not store, or what was no suggestion at all.
    refused integer not null default 0,
    error text check (length(error) <= 300),
    idempotency_key text,
    input_hash bytea not null,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (org_id, extraction_id),
    foreign key (org_id, principal_id) references principal (org_id, principal_id),
    foreign key (org_id, pool_id) references pool (org_id, pool_id)
  );
  create unique index extraction_by_key on extraction (org_id, principal_id, idempotency_key) where idempotency_key is not null;

  create table extraction_memory (
    org_id uuid not null,
    extraction_id uuid not null,
    principal_id uuid not null,
    part text not null check (part in ('TURN', 'DERIVED', 'SUPERSEDED')),
    place integer not null,
    memory_id uuid not null,
    -- What became of it when it was stored.
    outcome text,
    primary key (org_id, extraction_id, part, place),
    foreign key (org_id, extraction_id) references extraction (org_id, extraction_id) on delete cascade,
    foreign key (org_id, memory_id) references memory (org_id, memory_id)
  );
  create index extraction_memory_by_memory on extraction_memory (org_id, memory_id);

  -- What was made of a memory is looked for when it is erased.
  create index memory_source_by_source on memory_source (org_id, source_id);`;

const FUNCTIONS = `
  -- What was made of memories in reach, and what was made of that: an id where it is in reach, null where it is not. So who
  -- erases hears that something is in the way, and neither what nor where.
  create function sec.derived_memories(sources uuid[], at_most integer) returns table (memory_id uuid)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with recursive made as (
      select s.memory_id from public.memory m join public.memory_source s on s.org_id = ${ORG} and s.source_id = m.memory_id
      where m.org_id = ${ORG} and m.memory_id = any (sources) and coalesce(m.pool_id = any (${POOLS}), false) and ${FENCE}
      union
      select s.memory_id from made join public.memory_source s on s.org_id = ${ORG} and s.source_id = made.memory_id
    )
    select case when coalesce(m.pool_id = any (${POOLS}), false) then m.memory_id end
    from made join public.memory m on m.org_id = ${ORG} and m.memory_id = made.memory_id
    where m.status <> 'FORGOTTEN' and m.memory_id <> all (sources)
    order by m.memory_id limit at_most
  $$;

  -- A hash confirms who guesses the text. Keys keep their memory, so that a request that is sent again does not store it again.
  create function sec.blank_hashes(erased uuid[]) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    gone uuid[] := array(
      select m.memory_id from public.memory m
      where m.org_id = ${ORG} and m.memory_id = any (erased) and m.status = 'FORGOTTEN'
        and coalesce(m.pool_id = any (${POOLS}), false) and ${FENCE});
  begin
    update public.idempotency i set input_hash = uuid_send(gen_random_uuid())
      where i.org_id = ${ORG} and i.memory_id = any (gone);
    update public.extraction e set input_hash = uuid_send(gen_random_uuid())
      where e.org_id = ${ORG} and e.extraction_id in (
        select x.extraction_id from public.extraction_memory x where x.org_id = ${ORG} and x.memory_id = any (gone));
  end $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.derived_memories(uuid[], integer) owner to commonplace_definer;
  alter function sec.blank_hashes(uuid[]) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on function sec.derived_memories(uuid[], integer), sec.blank_hashes(uuid[]) from public;
  grant execute on function sec.derived_memories(uuid[], integer), sec.blank_hashes(uuid[]) to commonplace_app;`;

const GRANTS = `
  grant select, insert, update, delete on extraction, extraction_memory to commonplace_system;
  grant select, insert on extraction, extraction_memory to commonplace_app;
  grant update (key_id, status, attempts, turns_read, refused, error, finished_at) on extraction to commonplace_app;
  grant select on memory_source, idempotency, extraction, extraction_memory to commonplace_definer;
  grant update (input_hash) on idempotency, extraction to commonplace_definer;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const own = `${inOrg} and principal_id = ${PRINCIPAL} and ${FENCE}`;
  return [
    ...['extraction', 'extraction_memory'].flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `create policy system_all on ${table} to commonplace_system using (${inOrg}) with check (${inOrg})`,
      `create policy app_select on ${table} for select to commonplace_app using (${own})`,
      `create policy app_insert on ${table} for insert to commonplace_app with check (${own})`,
    ]),
    `create policy app_update on extraction for update to commonplace_app using (${own}) with check (${own})`,
    ...['memory_source', 'idempotency', 'extraction', 'extraction_memory'].map(
      (table) => `create policy definer_select on ${table} for select to commonplace_definer using (${inOrg})`,
    ),
    ...['idempotency', 'extraction'].map(
      (table) =>
        `create policy definer_update on ${table} for update to commonplace_definer using (${inOrg}) with check (${inOrg})`,
    ),
  ];
}

export class ExtractionAndErasure0000000000015 implements MigrationInterface {
  name = 'ExtractionAndErasure0000000000015';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [TABLES, FUNCTIONS, GRANTS]) await runner.query(part);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
