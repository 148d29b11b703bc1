import { DEFAULT_LANGUAGE, type DirectoryPool, type Grants, type Language } from '#access';
import { badInput } from '#kernel';
import { boundedList, LIMITS, requiredText } from '../input.js';

/** A pool by its key, among those in which the caller may do anything. Any other does not exist for it. @throws BAD_INPUT. */
export function poolByKey(grants: Grants, key: string, field: string): DirectoryPool {
  const pool = grants.pools.find((candidate) => candidate.key === key);
  if (!pool) throw badInput(field, `there is no pool ${JSON.stringify(key)}, or it is not yours to use`);
  return pool;
}

/** The ids of the named pools, or of all that the caller may see memories in. @throws BAD_INPUT for a name that does not exist for it. */
export function readablePoolIds(grants: Grants, keys: unknown, field: string): readonly string[] {
  if (keys === undefined || keys === null) return grants.readFilter.poolIds;
  const named = boundedList(keys, field, LIMITS.pools).map((key, index) =>
    poolByKey(grants, requiredText(key, `${field}.${index}`, 64), `${field}.${index}`),
  );
  const readable = new Set(grants.readFilter.poolIds);
  return named.map((pool) => pool.id).filter((id) => readable.has(id));
}

/** What the pool's memories are read in. */
export function languagesOf({ pools }: Grants): (poolId: string) => Language {
  const languages = new Map(pools.map(({ id, language }) => [id, language]));
  return (poolId) => languages.get(poolId) ?? DEFAULT_LANGUAGE;
}
