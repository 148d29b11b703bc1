import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const FENCE = `(select sec.fence())`;
const ADMINISTERS = `current_setting('app.administer', true) = 'on'`;

const TABLE = `
  -- What a pool's memories are written in; without a row, English. read_in: the language that all of them were last read in.
  create table pool_language (
    org_id uuid not null,
    pool_id uuid not null,
    language text not null,
    read_in text not null,
    primary key (org_id, pool_id),
    foreign key (org_id, pool_id) references pool (org_id, pool_id) on delete cascade
  );
  grant select, insert, update, delete on pool_language to commonplace_system;
  grant select, insert on pool_language to commonplace_app;
  grant update (language, read_in) on pool_language to commonplace_app;
  alter table pool_language enable row level security;
  alter table pool_language force row level security;`;

function rowSecurity(): string[] {
  const inOrg = `org_id = ${ORG}`;
  const administers = `${inOrg} and ${ADMINISTERS} and ${FENCE}`;
  return [
    `create policy system_all on pool_language to commonplace_system using (${inOrg}) with check (${inOrg})`,
    `create policy app_select on pool_language for select to commonplace_app using (${inOrg} and ${FENCE})`,
    `create policy app_insert on pool_language for insert to commonplace_app with check (${administers})`,
    `create policy app_update on pool_language for update to commonplace_app using (${administers}) with check (${administers})`,
  ];
}

export class PoolLanguages0000000000011 implements MigrationInterface {
  name = 'PoolLanguages0000000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    for (const statement of rowSecurity()) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
