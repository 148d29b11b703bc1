import type { Unit } from '#platform';
import type { Memory } from '../memory.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import type { Placed } from './selection.js';

/**
 * The memories of the hits that the caller may see, in no particular order. Where all of them are known, so is what the policy
 * compares with its lists; what has changed since then is not among the rows that were known, and is asked for as anything else.
 */
export async function readHits(unit: Unit, scope: ReadScope, hits: readonly Placed[]): Promise<Memory[]> {
  const ids = hits.map(({ id }) => id);
  const known = hits.flatMap((hit) => hit.known ?? []);
  const filter = known.length === hits.length ? scope.filter.about(known) : scope.filter;
  const found = await findMemories(unit, { ...scope, filter }, ids);
  if (found.length === ids.length || filter === scope.filter) return found;
  const there = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !there.has(id));
  return [...found, ...(await findMemories(unit, scope, missing))];
}
