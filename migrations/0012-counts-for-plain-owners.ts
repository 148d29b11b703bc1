import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What 0005 and 0007 filled in, once more: an owner who is no superuser is held to row-level security, which they did not lift,
 * so that there they counted and changed no row.
 */
const REPAIR = `
  alter table pool no force row level security;
  alter table memory no force row level security;
  update pool p set memories = c.n
    from (
      select q.org_id, q.pool_id, count(m.memory_id) as n
      from pool q left join memory m on m.org_id = q.org_id and m.pool_id = q.pool_id and m.status = 'ACTIVE'
      group by q.org_id, q.pool_id
    ) c
    where c.org_id = p.org_id and c.pool_id = p.pool_id and c.n <> p.memories;
  update memory set retired_at = updated_at where status in ('SUPERSEDED', 'ARCHIVED') and retired_at is null;
  alter table pool force row level security;
  alter table memory force row level security;`;

export class CountsForPlainOwners0000000000012 implements MigrationInterface {
  name = 'CountsForPlainOwners0000000000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REPAIR);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
