import type { MigrationInterface, QueryRunner } from 'typeorm';

const ORG = `nullif(current_setting('app.org', true), '')::uuid`;
const POOLS = `(select nullif(current_setting('app.pools', true), '')::uuid[])::uuid[]`;
const FENCE = `(select sec.fence())`;

/** One key for all inputs of a request: what came of each, in their order, and nulls for what was refused. */
const COLUMNS = `
  alter table idempotency add column memory_ids uuid[], add column outcomes text[];`;

/** As 0015 made it, and of requests too. */
const FUNCTION = `
  create or replace function sec.blank_hashes(erased uuid[]) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    gone uuid[] := array(
      select m.memory_id from public.memory m
      where m.org_id = ${ORG} and m.memory_id = any (erased) and m.status = 'FORGOTTEN'
        and coalesce(m.pool_id = any (${POOLS}), false) and ${FENCE});
  begin
    update public.idempotency i set input_hash = uuid_send(gen_random_uuid())
      where i.org_id = ${ORG} and (i.memory_id = any (gone) or i.memory_ids && gone);
    update public.extraction e set input_hash = uuid_send(gen_random_uuid())
      where e.org_id = ${ORG} and e.extraction_id in (
        select x.extraction_id from public.extraction_memory x where x.org_id = ${ORG} and x.memory_id = any (gone));
  end $$;`;

export class RequestKeys0000000000021 implements MigrationInterface {
  name = 'RequestKeys0000000000021';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [COLUMNS, FUNCTION]) await runner.query(part);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
