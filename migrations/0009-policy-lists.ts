import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;

const LISTS = `
  -- Long lists of values that conditions of the policy name, so that no statement has to send them. By what is in it: a list
  -- never changes, and versions that say the same share it.
  create table policy_list (
    org_id uuid not null references organization,
    hash bytea not null check (length(hash) = 32),
    -- {"values": {"a": true, …}}: the keys of an object are stored in order, and found by halving.
    members jsonb not null,
    primary key (org_id, hash)
  );
  -- It is read whole, by each statement of a recall: unpacking it took longer than reading it.
  alter table policy_list alter column members set storage external;
  grant select on policy_list to commonplace_app, commonplace_system;
  grant insert on policy_list to commonplace_system;
  alter table policy_list enable row level security;
  alter table policy_list force row level security;
  create policy system_all on policy_list to commonplace_system using (org_id = ${ORG}) with check (org_id = ${ORG});
  create policy app_select on policy_list for select to commonplace_app using (org_id = ${ORG} and (select sec.fence()));`;

export class PolicyLists0000000000009 implements MigrationInterface {
  name = 'PolicyLists0000000000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(LISTS);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
