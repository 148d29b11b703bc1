import { CommonplaceError } from '#kernel';

const POSTGRES = 15;
const VECTOR = [0, 8, 0];
/** 0.8.2 to 0.8.4 mended a buffer overflow and faults of HNSW's vacuum; 0.8.5 and 0.8.6 what those left. */
const VECTOR_ADVISED = [0, 8, 6];

/** Until these tsvectorrecv allocated the places of a term twice over, and stored them so. */
const WASTEFUL = [
  { from: 150_000, until: 150_005 },
  { from: 160_000, until: 160_001 },
];

export interface ServerVersions {
  /** As server_version_num: 150018 is 15.18. */
  postgres: number;
  /** Installed, or else what could be; null where the server has no pgvector. */
  vector: string | null;
}

export const SERVER_VERSIONS = `select current_setting('server_version_num')::integer as postgres,
  coalesce((select extversion from pg_extension where extname = 'vector'),
    (select default_version from pg_available_extensions where name = 'vector')) as vector`;

/**
 * @returns a warning where the server works and should still be updated
 * @throws UNAVAILABLE, with what to install, where it does not
 */
export function checkServer({ postgres, vector }: ServerVersions): string | null {
  const major = Math.floor(postgres / 10_000);
  if (major < POSTGRES)
    throw new CommonplaceError('UNAVAILABLE', `The database is PostgreSQL ${major}; ${POSTGRES} or later is needed.`);
  if (vector === null)
    throw new CommonplaceError(
      'UNAVAILABLE',
      'The database server has no pgvector; install it (0.8.6 or later), or use the image pgvector/pgvector.',
    );
  if (isBefore(vector, VECTOR))
    throw new CommonplaceError(
      'UNAVAILABLE',
      `The database has pgvector ${vector}; ${VECTOR.join('.')} or later is needed (better ${VECTOR_ADVISED.join('.')}).`,
    );
  const warnings: string[] = [];
  if (isBefore(vector, VECTOR_ADVISED))
    warnings.push(`pgvector ${vector} has known faults that ${VECTOR_ADVISED.join('.')} mends: update it`);
  if (WASTEFUL.some(({ from, until }) => postgres >= from && postgres < until))
    warnings.push('PostgreSQL before 15.5 and 16.1 stores the words of memories with space that it wastes: update it');
  return warnings.length > 0 ? warnings.join('; ') : null;
}

function isBefore(version: string, than: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [place, wanted] of than.entries()) {
    const part = parts[place] ?? 0;
    if (part !== wanted) return part < wanted;
  }
  return false;
}
