import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

const TABLES = `
  create table webhook (
    org_id uuid not null references organization,
    webhook_id uuid not null,
    -- Whose eyes it looks through: it hears what this principal may read when an event is sent.
    principal_id uuid not null,
    url text not null check (length(url) <= 2000),
    -- Signing needs the secrets themselves, so they cannot be kept as hashes. Callers may write them and read none.
    secret bytea not null check (length(secret) = 32),
    previous_secret bytea,
    previous_until timestamptz,
    pools text[],
    types text[],
    entity_id text,
    cursor text not null,
    state text not null default 'ACTIVE' check (state in ('ACTIVE', 'PAUSED')),
    reason text check ((reason is not null) = (state = 'PAUSED')),
    -- Of the event that waits, and which one that is: the policy may put another in its place.
    failures integer not null default 0,
    event_id uuid,
    -- Dead letters since the last delivery that came through.
    dead_in_a_row integer not null default 0,
    last_error text check (length(last_error) <= 300),
    next_attempt_at timestamptz not null default now(),
    lease_id uuid,
    leased_until timestamptz,
    created_at timestamptz not null default now(),
    primary key (org_id, webhook_id),
    foreign key (org_id, principal_id) references principal (org_id, principal_id),
    check ((previous_secret is null) = (previous_until is null))
  );
  -- No content: what is sent again is read again, under the policy of then.
  create table webhook_dead_letter (
    org_id uuid not null,
    webhook_id uuid not null,
    event_id uuid not null,
    kind text not null,
    pool_key text not null,
    memory_id uuid not null,
    cursor text not null,
    attempts integer not null,
    last_error text check (length(last_error) <= 300),
    died_at timestamptz not null default clock_timestamp(),
    -- Set by an admin who wants it sent again.
    redeliver_at timestamptz,
    primary key (org_id, webhook_id, event_id),
    foreign key (org_id, webhook_id) references webhook (org_id, webhook_id) on delete cascade
  );
  create index webhook_dead_letter_by_age on webhook_dead_letter (org_id, webhook_id, died_at, event_id);`;

/** In a trigger, so that who rotates a secret need not be able to read it. */
const ROTATION = `
  create function sec.keep_previous_secret() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
  begin
    new.previous_secret := old.secret;
    new.previous_until := clock_timestamp() + interval '24 hours';
    return new;
  end $$;
  revoke all on function sec.keep_previous_secret() from public;
  create trigger secret_rotated before update of secret on webhook for each row
    when (old.secret is distinct from new.secret) execute function sec.keep_previous_secret();`;

const GRANTS = `
  grant select, insert, update, delete on webhook, webhook_dead_letter to commonplace_system;
  grant select (org_id, webhook_id, principal_id, url, pools, types, entity_id, cursor, state, reason, failures, last_error,
    next_attempt_at, previous_until, created_at) on webhook to commonplace_app;
  grant insert, delete on webhook to commonplace_app;
  grant update (url, secret, state, reason, failures, event_id, dead_in_a_row, last_error, next_attempt_at)
    on webhook to commonplace_app;
  grant select, update (redeliver_at) on webhook_dead_letter to commonplace_app;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const administers = `${inOrg} and ${ADMINISTERS} and ${FENCE}`;
  const clauses: Record<string, string> = {
    select: `using (${administers})`,
    insert: `with check (${administers})`,
    update: `using (${administers}) with check (${administers})`,
    delete: `using (${administers})`,
  };
  const ofCallers = (table: string, commands: readonly string[]) =>
    commands.map(
      (command) => `create policy app_${command} on ${table} for ${command} to commonplace_app ${clauses[command]}`,
    );
  return [
    ...['webhook', 'webhook_dead_letter'].flatMap((table) => [
      `alter table ${table} enable row level security`,
      `alter table ${table} force row level security`,
      `create policy system_all on ${table} to commonplace_system using (${inOrg}) with check (${inOrg})`,
    ]),
    ...ofCallers('webhook', ['select', 'insert', 'update', 'delete']),
    ...ofCallers('webhook_dead_letter', ['select', 'update']),
  ];
}

export class Webhooks0000000000004 implements MigrationInterface {
  name = 'Webhooks0000000000004';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [TABLES, ROTATION, GRANTS]) await runner.query(part);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
