import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const IN_REACH = `coalesce(pool_id = any ((select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]), false)`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

const TABLES = `
  -- When a summary was made: it has the age of its oldest source, and was still not known before.
  alter table memory add column consolidated_at timestamptz;
  -- From when on the nightly run is due: an upgrade by day starts none before the next night.
  alter table pool add column nightly_since timestamptz not null default now();

  -- When a pool is consolidated by itself; without a row, every night, and an agent's own pool never.
  create table pool_consolidation (
    org_id uuid not null,
    pool_id uuid not null,
    -- Null: never.
    cron text check (length(cron) <= 100),
    since timestamptz not null default now(),
    primary key (org_id, pool_id),
    foreign key (org_id, pool_id) references pool (org_id, pool_id) on delete cascade
  );

  create table consolidation_run (
    org_id uuid not null,
    run_id uuid not null,
    pool_id uuid not null,
    status text not null default 'QUEUED' check (status in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'UNDONE')),
    mode text not null default 'RULES' check (mode in ('RULES', 'LLM')),
    dry_run boolean not null,
    older_than_days integer not null check (older_than_days >= 0),
    -- The moment that ages are counted to, on the service's clock: a run that goes on after a crash goes on with the same.
    as_of timestamptz not null,
    -- Null where the schedule asked.
    asked_by uuid,
    scheduled_for timestamptz,
    requested_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    -- Since when its changes are written down.
    planned_at timestamptz,
    finished_at timestamptz,
    -- A RUNNING run that is being undone.
    undoing boolean not null default false,
    summarized integer not null default 0,
    merged integer not null default 0,
    superseded integer not null default 0,
    expired integer not null default 0,
    boosted integer not null default 0,
    faded integer not null default 0,
    -- Memories that others had changed since: before the run came to them, and before it was undone.
    skipped integer not null default 0,
    left_alone integer not null default 0,
    -- Times that the model failed and the rules took over.
    fallbacks integer not null default 0,
    -- The last memory that it looked at, where the pool has more: the next run begins behind it.
    read_to uuid,
    failures integer not null default 0,
    error text check (length(error) <= 300),
    lease_id uuid,
    leased_until timestamptz,
    primary key (org_id, run_id),
    unique (org_id, pool_id, scheduled_for),
    foreign key (org_id, pool_id) references pool (org_id, pool_id) on delete cascade,
    foreign key (org_id, asked_by) references principal (org_id, principal_id)
  );
  create unique index consolidation_run_at_work on consolidation_run (org_id, pool_id) where status in ('QUEUED', 'RUNNING');
  create index consolidation_run_by_pool on consolidation_run (org_id, pool_id, requested_at, run_id);

  -- The plan of a run, and what came of it. It names memories and holds nothing of what they say: what is forgotten is gone here too.
  create table consolidation_change (
    org_id uuid not null,
    run_id uuid not null,
    place integer not null check (place > 0),
    pool_id uuid not null,
    kind text not null check (kind in ('SUMMARIZED', 'MERGED', 'SUPERSEDED', 'EXPIRED', 'BOOSTED', 'FADED')),
    state text not null default 'PLANNED' check (state in ('PLANNED', 'APPLIED', 'SKIPPED', 'UNDONE', 'LEFT')),
    memory_ids uuid[] not null,
    -- Those that the plan was made from, and that the change has left as they were.
    versions integer[] not null,
    after_id uuid,
    after_version integer,
    -- Of an importance that is moved: from which place to which.
    weight_from smallint,
    weight_to smallint,
    reason text not null,
    primary key (org_id, run_id, place),
    foreign key (org_id, run_id) references consolidation_run (org_id, run_id) on delete cascade,
    check (cardinality(memory_ids) = cardinality(versions)),
    check ((kind in ('BOOSTED', 'FADED')) = (weight_to is not null))
  );`;

const GRANTS = `
  grant select, insert, update, delete on pool_consolidation, consolidation_run, consolidation_change to commonplace_system;
  grant select, insert on pool_consolidation to commonplace_app;
  grant update (cron, since) on pool_consolidation to commonplace_app;
  grant select on consolidation_run, consolidation_change to commonplace_app;
  grant insert on consolidation_run to commonplace_app;
  grant update (status, undoing, failures, error, finished_at) on consolidation_run to commonplace_app;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const inPools = `${inOrg} and ${IN_REACH} and ${FENCE}`;
  const administers = `${inOrg} and ${ADMINISTERS} and ${FENCE}`;
  return [
    ...['pool_consolidation', 'consolidation_run', 'consolidation_change'].flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `create policy system_all on ${table} to commonplace_system using (${inOrg}) with check (${inOrg})`,
    ]),
    `create policy app_select on pool_consolidation for select to commonplace_app using (${inOrg} and ${FENCE})`,
    `create policy app_insert on pool_consolidation for insert to commonplace_app with check (${administers})`,
    `create policy app_update on pool_consolidation for update to commonplace_app using (${administers}) with check (${administers})`,
    `create policy app_select on consolidation_run for select to commonplace_app using (${inPools})`,
    `create policy app_insert on consolidation_run for insert to commonplace_app with check (${inPools})`,
    `create policy app_update on consolidation_run for update to commonplace_app using (${inPools}) with check (${inPools})`,
    `create policy app_select on consolidation_change for select to commonplace_app using (${inPools})`,
  ];
}

export class Consolidation0000000000013 implements MigrationInterface {
  name = 'Consolidation0000000000013';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [TABLES, GRANTS]) await runner.query(part);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
