import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const IN_REACH = `coalesce(pool_id = any ((select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]), false)`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

/** Set here and not by whoever changes the status, so that what was known at a time can be told whatever ended it. */
const RETIREMENT = `
  -- Since when it is SUPERSEDED or ARCHIVED.
  alter table memory add column retired_at timestamptz;
  update memory set retired_at = updated_at where status in ('SUPERSEDED', 'ARCHIVED');

  create function sec.note_retirement() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
  begin
    new.retired_at := case when new.status in ('SUPERSEDED', 'ARCHIVED') then coalesce(new.retired_at, clock_timestamp()) end;
    return new;
  end $$;
  revoke all on function sec.note_retirement() from public;
  create trigger status_changed before update of status on memory for each row
    when (old.status is distinct from new.status) execute function sec.note_retirement();`;

const TABLES = `
  -- Apart from the memory, whose wide row and many indexes a count must not touch.
  create table memory_usage (
    org_id uuid not null,
    memory_id uuid not null,
    pool_id uuid not null,
    recall_count integer not null check (recall_count > 0),
    last_recalled_at timestamptz not null,
    primary key (org_id, memory_id),
    foreign key (org_id, memory_id) references memory (org_id, memory_id)
  ) with (fillfactor = 70);

  -- How much importance, recency and usage add to a hit of the pool; without a row, what the broker thinks right.
  create table pool_weights (
    org_id uuid not null,
    pool_id uuid not null,
    importance double precision not null check (importance between 0 and 0.5),
    recency double precision not null check (recency between 0 and 0.5),
    usage double precision not null check (usage between 0 and 0.5),
    primary key (org_id, pool_id),
    foreign key (org_id, pool_id) references pool (org_id, pool_id) on delete cascade
  );

  grant select, insert, update, delete on memory_usage, pool_weights to commonplace_system;
  grant select, delete on memory_usage to commonplace_app;
  grant select, insert, delete on pool_weights to commonplace_app;
  grant update (importance, recency, usage) on pool_weights to commonplace_app;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const inPools = `${inOrg} and ${IN_REACH} and ${FENCE}`;
  const administers = `${inOrg} and ${ADMINISTERS} and ${FENCE}`;
  return [
    ...['memory_usage', 'pool_weights'].flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `create policy system_all on ${table} to commonplace_system using (${inOrg}) with check (${inOrg})`,
    ]),
    `create policy app_select on memory_usage for select to commonplace_app using (${inPools})`,
    `create policy app_delete on memory_usage for delete to commonplace_app using (${inPools})`,
    `create policy app_select on pool_weights for select to commonplace_app using (${inOrg} and ${FENCE})`,
    `create policy app_insert on pool_weights for insert to commonplace_app with check (${administers})`,
    `create policy app_update on pool_weights for update to commonplace_app using (${administers}) with check (${administers})`,
    `create policy app_delete on pool_weights for delete to commonplace_app using (${administers})`,
  ];
}

export class Ranking0000000000007 implements MigrationInterface {
  name = 'Ranking0000000000007';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [RETIREMENT, TABLES]) await runner.query(part);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
