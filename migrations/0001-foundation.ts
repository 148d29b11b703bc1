import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The org, the pools and the fence of the unit of work, as sec.open() set them. '' is what a setting reads after its transaction. */
const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
// The list is read once a statement: without the subselect it was parsed again for every row, 12.9 s over 20,000 rows and
// 1,000 pools. And it must be no condition for an index: the text index, asked for 200 pools, took 7.9 s. Which rows are few
// the planner learns from the statements themselves, which name their pools too.
const IN_REACH = `coalesce(pool_id = any ((select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]), false)`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

const ROLES = `
  do $$
  declare wanted text;
  begin
    foreach wanted in array array['commonplace_app', 'commonplace_system', 'commonplace_definer'] loop
      -- Roles belong to the whole cluster: brokers on other databases may make them at this very moment.
      begin
        if not exists (select from pg_roles where rolname = wanted) then
          execute format('create role %I nologin nosuperuser nobypassrls', wanted);
        end if;
      exception when duplicate_object or unique_violation then null;
      end;
    end loop;
    for attempt in 1..20 loop
      begin
        foreach wanted in array array['commonplace_app', 'commonplace_system', 'commonplace_definer'] loop
          -- From PostgreSQL 16 on, who made a role is a member of it and may still not set it, until it grants itself that.
          begin
            execute format('grant %I to %I', wanted, current_user);
          exception when insufficient_privilege then
            if not pg_has_role(current_user, wanted, 'member') then raise; end if;
          end;
        end loop;
        exit;
      exception when internal_error or unique_violation then perform pg_sleep(0.05 * attempt);
      end;
    end loop;
  end $$;`;

const DIRECTORY = `
  create table organization (
    org_id uuid primary key,
    name text not null,
    -- Changes when a backup is restored, so that cursors of the lost future are told from valid ones.
    feed_epoch uuid not null,
    created_at timestamptz not null default now()
  );
  create table role (
    org_id uuid not null references organization,
    key text not null,
    description text,
    built_in boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (org_id, key)
  );
  create table principal (
    org_id uuid not null references organization,
    principal_id uuid not null,
    kind text not null check (kind in ('AGENT', 'OPERATOR')),
    name text not null,
    role_key text not null,
    created_at timestamptz not null default now(),
    primary key (org_id, principal_id),
    foreign key (org_id, role_key) references role (org_id, key)
  );
  create table api_key (
    org_id uuid not null,
    key_id uuid not null,
    principal_id uuid not null,
    prefix text not null,
    hash bytea not null check (length(hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    primary key (org_id, key_id),
    unique (org_id, prefix),
    foreign key (org_id, principal_id) references principal (org_id, principal_id)
  );
  create index api_key_by_principal on api_key (org_id, principal_id);
  create table pool (
    org_id uuid not null references organization,
    pool_id uuid not null,
    key text not null,
    kind text not null check (kind in ('SHARED', 'ROLE', 'AGENT')),
    role_key text,
    owner_id uuid,
    description text,
    -- The number of the pool's newest event; its row lock is what puts events in commit order.
    seq bigint not null default 0,
    created_at timestamptz not null default now(),
    primary key (org_id, pool_id),
    unique (org_id, key),
    foreign key (org_id, role_key) references role (org_id, key),
    foreign key (org_id, owner_id) references principal (org_id, principal_id),
    check ((kind = 'ROLE') = (role_key is not null)),
    check ((kind = 'AGENT') = (owner_id is not null))
  ) with (fillfactor = 50);`;

const POLICY = `
  create table policy (
    org_id uuid not null references organization,
    version integer not null check (version > 0),
    statements jsonb not null,
    author_id uuid,
    comment text,
    created_at timestamptz not null default now(),
    primary key (org_id, version),
    foreign key (org_id, author_id) references principal (org_id, principal_id)
  );
  create table policy_head (
    org_id uuid primary key references organization,
    version integer not null,
    -- Grows with every new role and pool: a replica with an older list of them is fenced off as one with an older policy.
    directory_version integer not null default 1,
    foreign key (org_id, version) references policy (org_id, version)
  );`;

const MEMORY = `
  create table memory (
    org_id uuid not null,
    memory_id uuid not null,
    pool_id uuid not null,
    type text not null check (type in ('EPISODIC', 'DECLARATIVE', 'PROCEDURAL')),
    status text not null
      check (status in ('ACTIVE', 'PROPOSED', 'REJECTED', 'QUARANTINED', 'SUPERSEDED', 'ARCHIVED', 'FORGOTTEN')),
    -- A tombstone of a memory that was PROPOSED, REJECTED or QUARANTINED: only those who could see that may see this.
    was_held boolean not null default false check (status = 'FORGOTTEN' or not was_held),
    content text check ((content is null) = (status = 'FORGOTTEN')),
    content_hash bytea not null,
    -- Stems with as many positions as they occur; made by the analysis of libs/memory, never by to_tsvector.
    terms tsvector not null,
    term_count integer not null,
    entity_id text,
    session_id text,
    speaker text,
    importance smallint not null check (importance between 1 and 3),
    labels text[] not null default '{}',
    metadata jsonb,
    author_id uuid not null,
    version integer not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    changed_by uuid not null,
    change_reason text,
    valid_from timestamptz,
    valid_to timestamptz,
    expires_at timestamptz,
    corroborations integer not null default 0,
    primary key (org_id, memory_id),
    foreign key (org_id, pool_id) references pool (org_id, pool_id),
    foreign key (org_id, author_id) references principal (org_id, principal_id)
  );
  -- Parallel writers of the same content meet here, and become one memory.
  create unique index memory_active_content on memory (org_id, pool_id, content_hash) where status = 'ACTIVE';
  create unique index memory_proposed_content on memory (org_id, pool_id, author_id, content_hash) where status = 'PROPOSED';
  create index memory_by_pool on memory (org_id, pool_id, memory_id);
  create index memory_by_entity on memory (org_id, entity_id, memory_id) where entity_id is not null;
  create index memory_by_session on memory (org_id, pool_id, session_id, memory_id) where session_id is not null;
  create index memory_by_terms on memory using gin (org_id, pool_id, terms);

  create table memory_revision (
    org_id uuid not null,
    memory_id uuid not null,
    version integer not null,
    content text not null,
    changed_by uuid not null,
    changed_at timestamptz not null,
    reason text,
    primary key (org_id, memory_id, version),
    foreign key (org_id, memory_id) references memory (org_id, memory_id)
  );
  create table memory_source (
    org_id uuid not null,
    memory_id uuid not null,
    source_id uuid not null,
    primary key (org_id, memory_id, source_id),
    foreign key (org_id, memory_id) references memory (org_id, memory_id),
    foreign key (org_id, source_id) references memory (org_id, memory_id)
  );
  create table memory_event (
    org_id uuid not null,
    pool_id uuid not null,
    seq bigint not null,
    memory_id uuid not null,
    kind text not null check (kind in ('MEMORIZED', 'REVISED', 'SUPERSEDED', 'FORGOTTEN', 'PROPOSED', 'REVIEWED')),
    occurred_at timestamptz not null,
    policy_version integer not null,
    primary key (org_id, pool_id, seq),
    foreign key (org_id, pool_id) references pool (org_id, pool_id)
  );
  create table idempotency (
    org_id uuid not null,
    principal_id uuid not null,
    key text not null,
    input_hash bytea not null,
    memory_id uuid,
    outcome text,
    created_at timestamptz not null default now(),
    primary key (org_id, principal_id, key),
    foreign key (org_id, principal_id) references principal (org_id, principal_id)
  );
  create index idempotency_by_age on idempotency (org_id, created_at);`;

const VECTORS = `
  create table embedding_space (
    org_id uuid not null references organization,
    space_id uuid not null,
    model text not null,
    dimensions integer not null,
    created_at timestamptz not null default now(),
    primary key (org_id, space_id),
    unique (org_id, model, dimensions)
  );
  create table memory_vector (
    org_id uuid not null,
    space_id uuid not null,
    memory_id uuid not null,
    pool_id uuid not null,
    embedding halfvec not null,
    primary key (org_id, space_id, memory_id),
    foreign key (org_id, space_id) references embedding_space (org_id, space_id),
    foreign key (org_id, memory_id) references memory (org_id, memory_id)
  );
  create index memory_vector_by_pool on memory_vector (org_id, space_id, pool_id);`;

/** Both functions read past row-level security, so they pin their search_path and ask for the org themselves. */
const FUNCTIONS = `
  create function sec.fence() returns boolean
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
  declare
    head record;
    shown_key uuid := nullif(current_setting('app.key', true), '')::uuid;
    valid_until timestamptz := nullif(current_setting('app.valid_until', true), '')::timestamptz;
  begin
    select h.version, h.directory_version into head from public.policy_head h where h.org_id = ${ORG};
    if not found
      or head.version is distinct from nullif(current_setting('app.policy_version', true), '')::integer
      or head.directory_version is distinct from nullif(current_setting('app.directory_version', true), '')::integer
      or valid_until <= clock_timestamp()
    then
      raise exception 'access was compiled from an older policy' using errcode = 'AB001';
    end if;
    if shown_key is not null and not exists (
      select from public.api_key k
      where k.org_id = ${ORG} and k.key_id = shown_key and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > clock_timestamp())
    ) then
      raise exception 'the key was revoked or has expired' using errcode = 'AB002';
    end if;
    return true;
  end $$;

  create function sec.lexical_candidates(pools uuid[], statuses text[], query tsquery, query_terms text[], at_most integer)
  returns table (memory_id uuid, term_count integer, lexemes text[], frequencies integer[])
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select m.memory_id, m.term_count, t.lexemes, t.frequencies
    from public.memory m
    cross join lateral (
      select array_agg(u.lexeme) as lexemes, array_agg(cardinality(u.positions)) as frequencies
      from unnest(m.terms) u
      where u.lexeme = any (query_terms)
    ) t
    where m.org_id = ${ORG} and m.pool_id = any (pools) and ${IN_REACH}
      and m.status = any (statuses) and m.terms @@ query and ${FENCE}
    limit at_most
  $$;

  create function sec.open(
    org uuid, principal uuid, key uuid, policy_version integer, directory_version integer, valid_until timestamptz,
    pools uuid[], administer boolean
  ) returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
  begin
    perform set_config('app.org', org::text, true),
            set_config('app.principal', principal::text, true),
            set_config('app.key', coalesce(key::text, ''), true),
            set_config('app.policy_version', policy_version::text, true),
            set_config('app.directory_version', directory_version::text, true),
            set_config('app.valid_until', coalesce(valid_until::text, ''), true),
            set_config('app.pools', pools::text, true),
            set_config('app.administer', case when administer then 'on' else 'off' end, true);
    return sec.fence();
  end $$;

  create function sec.open_system(org uuid) returns text language sql as $$ select set_config('app.org', org::text, true) $$;

  grant usage, create on schema sec to commonplace_definer;
  alter function sec.fence() owner to commonplace_definer;
  alter function sec.lexical_candidates(uuid[], text[], tsquery, text[], integer) owner to commonplace_definer;
  revoke create on schema sec from commonplace_definer;
  revoke all on all functions in schema sec from public;
  grant usage on schema sec to commonplace_app, commonplace_system;
  grant execute on all functions in schema sec to commonplace_app, commonplace_definer;
  grant execute on function sec.open_system(uuid) to commonplace_system;`;

const TABLES = [
  'organization',
  'role',
  'principal',
  'api_key',
  'pool',
  'policy',
  'policy_head',
  'memory',
  'memory_revision',
  'memory_source',
  'memory_event',
  'idempotency',
  'embedding_space',
  'memory_vector',
];

const GRANTS = `
  grant usage on schema public to commonplace_app, commonplace_system, commonplace_definer;
  grant select on ${TABLES.join(', ')} to commonplace_app, commonplace_system;
  grant insert on role, principal, api_key, pool, policy, memory, memory_revision, memory_source, memory_event, idempotency,
    memory_vector to commonplace_app;
  grant update (seq) on pool to commonplace_app;
  grant update (revoked_at) on api_key to commonplace_app;
  grant update on policy_head, memory, idempotency to commonplace_app;
  grant delete on memory_revision, memory_vector, idempotency to commonplace_app;
  grant insert, update, delete on ${TABLES.join(', ')} to commonplace_system;
  grant select on policy_head, api_key, memory to commonplace_definer;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const inPools = `${inOrg} and ${IN_REACH} and ${FENCE}`;
  const administers = `${inOrg} and ${ADMINISTERS} and ${FENCE}`;
  const ofVisibleMemory = (table: string, column = 'memory_id') =>
    `${inOrg} and exists (select from memory m where m.org_id = ${table}.org_id and m.memory_id = ${table}.${column})`;
  const policy = (table: string, command: string, check: string) => {
    const clause =
      command === 'insert'
        ? `with check (${check})`
        : command === 'update'
          ? `using (${check}) with check (${check})`
          : `using (${check})`;
    return `create policy app_${command} on ${table} for ${command} to commonplace_app ${clause}`;
  };
  const own = `${inOrg} and principal_id = nullif(current_setting('app.principal', true), '')::uuid and ${FENCE}`;
  return [
    ...TABLES.flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      // The organisation is found before it can be named; of every other table the service's own tasks see one org at a time.
      `create policy system_all on ${table} to commonplace_system using (${table === 'organization' ? 'true' : inOrg}) with check (${inOrg})`,
    ]),
    ...['policy_head', 'api_key', 'memory'].map(
      (table) => `create policy definer_select on ${table} for select to commonplace_definer using (true)`,
    ),
    ...['organization', 'role', 'principal', 'pool', 'policy', 'policy_head', 'embedding_space'].map((table) =>
      policy(table, 'select', `${inOrg} and ${FENCE}`),
    ),
    ...['role', 'principal', 'pool', 'policy', 'api_key'].map((table) => policy(table, 'insert', administers)),
    ...['api_key'].map((table) => policy(table, 'select', administers)),
    ...['policy_head', 'api_key'].map((table) => policy(table, 'update', administers)),
    policy('pool', 'update', inPools),
    ...['select', 'insert', 'update'].map((command) => policy('memory', command, inPools)),
    ...['select', 'insert'].map((command) => policy('memory_event', command, inPools)),
    ...['select', 'insert', 'delete'].map((command) => policy('memory_vector', command, inPools)),
    ...['select', 'insert', 'delete'].map((command) =>
      policy('memory_revision', command, ofVisibleMemory('memory_revision')),
    ),
    ...['select', 'insert'].map((command) => policy('memory_source', command, ofVisibleMemory('memory_source'))),
    ...['select', 'insert', 'update', 'delete'].map((command) => policy('idempotency', command, own)),
  ];
}

export class Foundation0000000000001 implements MigrationInterface {
  // TypeORM wants a number of 13 digits at the end of the name, and orders by it.
  name = 'Foundation0000000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create extension if not exists vector');
    await runner.query('create extension if not exists btree_gin');
    await runner.query(ROLES);
    await runner.query('create schema sec');
    for (const part of [DIRECTORY, POLICY, MEMORY, VECTORS, FUNCTIONS, GRANTS]) await runner.query(part);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  /** Migrations go forward only: what is wrong is mended by the next one. */
  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
