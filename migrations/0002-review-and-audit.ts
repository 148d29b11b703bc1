import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const PRINCIPAL = `nullif(current_setting('app.principal', true), '')::uuid`;
const POOLS = `(select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

const MEMORY = `
  alter table memory
    add column superseded_by uuid,
    -- Set by a promotion alone; what its author says it was made from is in memory_source.
    add column promoted_from uuid,
    -- Whose words a promoted copy holds, through all promotions: none of them may review it.
    add column origin_authors uuid[] not null default '{}',
    add column reviewed_by uuid,
    add column reviewed_at timestamptz,
    add column review_comment text,
    add foreign key (org_id, superseded_by) references memory (org_id, memory_id),
    add foreign key (org_id, promoted_from) references memory (org_id, memory_id),
    add foreign key (org_id, reviewed_by) references principal (org_id, principal_id),
    add check ((reviewed_by is null) = (reviewed_at is null));`;

const AUDIT = `
  create table audit_entry (
    org_id uuid not null references organization,
    seq bigint not null check (seq > 0),
    entry_id uuid not null,
    at timestamptz not null,
    -- Null: the service itself, or whoever has the database.
    principal_id uuid,
    action text not null,
    target text,
    -- json and not jsonb: the text is hashed, so it has to stay as it was written.
    detail json not null,
    previous_hash bytea not null check (length(previous_hash) = 32),
    hash bytea not null check (length(hash) = 32),
    primary key (org_id, seq),
    unique (org_id, entry_id),
    foreign key (org_id, principal_id) references principal (org_id, principal_id)
  );
  -- The newest link: its row lock puts entries in commit order, and a log that was cut off at its end does not reach it.
  create table audit_head (
    org_id uuid primary key references organization,
    seq bigint not null,
    hash bytea not null check (length(hash) = 32)
  );`;

const FUNCTIONS = `
  -- A field with its length in bytes before it, so that no two lists of fields read alike; null is '-'.
  create function sec.audit_field(value text) returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
    select coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-') || ','
  $$;

  create function sec.audit_hash(e public.audit_entry) returns bytea
  language sql stable set search_path = pg_catalog, pg_temp as $$
    select sha256(e.previous_hash || convert_to(
      sec.audit_field(e.org_id::text) || sec.audit_field(e.seq::text) || sec.audit_field(e.entry_id::text)
      || sec.audit_field(to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      || sec.audit_field(e.principal_id::text) || sec.audit_field(e.action) || sec.audit_field(e.target)
      || sec.audit_field(e.detail::text), 'UTF8'))
  $$;

  -- The only way into the log. Who, when, and the link are set here and not by whoever asks.
  create function sec.append_audit(entry uuid, action text, target text, detail json) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    head public.audit_head;
    e public.audit_entry;
  begin
    e.org_id := ${ORG};
    e.principal_id := ${PRINCIPAL};
    -- The service's own tasks are opened for nobody, and know no fence.
    if e.principal_id is not null then perform sec.fence(); end if;
    insert into public.audit_head (org_id, seq, hash) values (e.org_id, 0, sha256(uuid_send(e.org_id))) on conflict do nothing;
    select h.* into head from public.audit_head h where h.org_id = e.org_id for update;
    e.seq := head.seq + 1;
    e.entry_id := entry;
    e.at := clock_timestamp();
    e.action := action;
    e.target := target;
    e.detail := detail;
    e.previous_hash := head.hash;
    e.hash := sec.audit_hash(e);
    insert into public.audit_entry select e.*;
    update public.audit_head h set seq = e.seq, hash = e.hash where h.org_id = e.org_id;
    return e.seq;
  end $$;

  -- What a decision reads of the memory that a waiting copy was promoted from: its reviewer may not reach that pool, and
  -- still has to ask whether the copy would show it to others. No content.
  create function sec.promotion_source(copy uuid)
  returns table (memory_id uuid, pool_id uuid, type text, status text, was_held boolean, entity_id text, session_id text,
    speaker text, author_id uuid, importance smallint, labels text[], created_at timestamptz, valid_from timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select s.memory_id, s.pool_id, s.type, s.status, s.was_held, s.entity_id, s.session_id, s.speaker, s.author_id,
      s.importance, s.labels, s.created_at, s.valid_from
    from public.memory c join public.memory s on s.org_id = c.org_id and s.memory_id = c.promoted_from
    where c.org_id = ${ORG} and c.memory_id = copy and c.status in ('PROPOSED', 'QUARANTINED')
      and coalesce(c.pool_id = any (${POOLS}), false) and ${FENCE}
  $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.append_audit(uuid, text, text, json) owner to commonplace_definer;
  alter function sec.promotion_source(uuid) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on all functions in schema sec from public;
  grant execute on function sec.audit_field(text), sec.audit_hash(public.audit_entry) to commonplace_definer;
  grant execute on function sec.append_audit(uuid, text, text, json) to commonplace_app, commonplace_system;
  grant execute on function sec.promotion_source(uuid) to commonplace_app;`;

const GRANTS = `
  grant select on audit_entry, audit_head to commonplace_system;
  grant select on audit_entry to commonplace_app;
  grant insert on audit_entry to commonplace_definer;
  grant select, insert, update on audit_head to commonplace_definer;`;

/** Nobody may change or delete an entry: no grant, and no policy either, for any of the broker's roles. */
const ROW_SECURITY = [
  ...['audit_entry', 'audit_head'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy system_select on ${table} for select to commonplace_system using (org_id = ${ORG})`,
  ]),
  `create policy app_select on audit_entry for select to commonplace_app using (org_id = ${ORG} and ${ADMINISTERS} and ${FENCE})`,
  `create policy definer_insert on audit_entry for insert to commonplace_definer with check (org_id = ${ORG})`,
  `create policy definer_all on audit_head to commonplace_definer using (org_id = ${ORG}) with check (org_id = ${ORG})`,
];

export class ReviewAndAudit0000000000002 implements MigrationInterface {
  name = 'ReviewAndAudit0000000000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [MEMORY, AUDIT, FUNCTIONS, GRANTS]) await runner.query(part);
    for (const statement of ROW_SECURITY) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
