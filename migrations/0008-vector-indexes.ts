import type { MigrationInterface, QueryRunner } from 'typeorm';

const TIERS = `
  -- By which index a pool's vectors are searched, in which space; in another space none is there yet.
  alter table pool add column vector_tier text not null default 'EXACT' check (vector_tier in ('EXACT', 'SHARED', 'OWN'));
  alter table pool add column vector_space uuid;
  -- Whether new vectors enter the index that pools share: from before it answers for the pool.
  alter table pool add column vector_shared boolean not null default false;
  alter table memory_vector add column shared boolean not null default false;`;

export class VectorIndexes0000000000008 implements MigrationInterface {
  name = 'VectorIndexes0000000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TIERS);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
