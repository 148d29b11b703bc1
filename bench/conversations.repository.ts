import type { Database } from '../libs/platform/src/index.js';

export interface ActiveSize {
  /** ACTIVE memories of a pool, and their characters. */
  active: number;
  characters: number;
}

export async function countActive(database: Database, pool: string): Promise<ActiveSize> {
  const { rows } = await database.maintenance<ActiveSize & Record<string, unknown>>(
    `select count(*)::integer as active, sum(length(m.content))::integer as characters
     from memory m join pool p on p.org_id = m.org_id and p.pool_id = m.pool_id where p.key = $1 and m.status = 'ACTIVE'`,
    [pool],
  );
  return rows[0] as ActiveSize;
}

/** Of whatever status. */
export async function findContents(database: Database, pool: string): Promise<Map<string, string>> {
  const { rows } = await database.maintenance<{ id: string; content: string }>(
    `select m.memory_id as id, m.content from memory m join pool p on p.org_id = m.org_id and p.pool_id = m.pool_id
     where p.key = $1 and m.content is not null`,
    [pool],
  );
  return new Map(rows.map(({ id, content }) => [id, content]));
}

/** What each archived memory went into. */
export async function findSummaries(database: Database): Promise<Map<string, string>> {
  const { rows } = await database.maintenance<{ id: string; source: string }>(
    `select s.memory_id as id, s.source_id as source from memory_source s
     join memory m on m.org_id = s.org_id and m.memory_id = s.memory_id where m.status = 'ACTIVE'`,
  );
  return new Map(rows.map(({ id, source }) => [source, id]));
}
