import { KnownRows } from '#access';
import type { Memory } from '../memory.js';
import { findMemories, type ReadScope } from '../memory.repository.js';
import type { Asking } from './one-flight.js';
import type { Placed } from './selection.js';

/**
 * The memories of the hits that the caller may see, in no particular order. Where the rows of all of them are known, so are the
 * values that the policy's lists are asked for; a row that has changed since is asked for as any other.
 */
export async function readHits(asking: Asking, scope: ReadScope, hits: readonly Placed[]): Promise<Memory[]> {
  const ids = hits.map(({ id }) => id);
  const rows = scope.filter.listedFields().size > 0 ? hits.flatMap(({ known }) => known ?? []) : [];
  if (rows.length === 0 || rows.length < hits.length) return findMemories(asking, scope, ids);
  const found = await findMemories(asking, scope, ids, new KnownRows(rows));
  const there = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !there.has(id));
  return [...found, ...(await findMemories(asking, scope, missing))];
}
