import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Of the spaces of an organisation one answers recalls, one may be on its way to take its place, and the others go.
 * Until now the newest was used.
 */
const SPACES = `
  alter table embedding_space
    add column state text not null default 'RETIRED' check (state in ('CURRENT', 'BUILDING', 'RETIRED')),
    -- The length that the model was asked for by name; null where it gave what it gives.
    add column asked_dimensions integer,
    add column retired_at timestamptz not null default now(),
    -- Which broker fills or empties it, and until when nobody else does.
    add column lease_id uuid,
    add column leased_until timestamptz;
  -- Its owner is held to row-level security, too, and names no organisation here.
  alter table embedding_space no force row level security;
  update embedding_space s set state = 'CURRENT' where not exists (
    select from embedding_space newer where newer.org_id = s.org_id and (newer.created_at, newer.space_id) > (s.created_at, s.space_id)
  );
  alter table embedding_space force row level security;
  create unique index embedding_space_current on embedding_space (org_id) where state = 'CURRENT';
  create unique index embedding_space_building on embedding_space (org_id) where state = 'BUILDING';`;

export class EmbeddingSpaces0000000000006 implements MigrationInterface {
  name = 'EmbeddingSpaces0000000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SPACES);
  }

  down(): Promise<void> {
    throw new Error('Migrations go forward only. Restore a backup to go back.');
  }
}
