import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import {
  findPlacements,
  MAX_LOOKED,
  MAX_NEAREST,
  nearestExactly,
  nearestFirst,
  searchOn,
  type Nearest,
  type NearFirst,
} from './nearest.repository.js';
import { USUAL_FACTOR } from './search-costs.js';
import { planSearch } from './vector-plan.js';

/** The nearest memories by meaning that the caller may read and wants, each pool searched as the plan says. */
export async function nearest(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  const { pools, indexed, dimensions } = await findPlacements(unit, scope);
  const plan = planSearch(pools, indexed, scope.space?.exactFactor ?? USUAL_FACTOR);
  const search = async (poolIds: readonly string[], index: NearFirst['index']): Promise<Nearest[]> => {
    if (poolIds.length === 0) return [];
    const within: ReadScope = { ...scope, filter: scope.filter.narrow(poolIds) };
    // Row by row the policy may leave little of the nearest: then it is asked of every one at once.
    if (!index && !within.filter.readsWhole()) return nearestExactly(unit, within, filter, vector);
    const { found, looked } = await nearestFirst(unit, within, filter, { vector, index });
    // An index may also have given up before it had looked at so many.
    const hasMore = looked >= MAX_LOOKED || index !== null;
    return hasMore && found.length < MAX_NEAREST ? nearestExactly(unit, within, filter, vector) : found;
  };
  if (dimensions === null || plan.shared.length + plan.own.length === 0)
    return inOrder([await search(scope.filter.poolIds, null)]);
  const [, ...found] = await Promise.all([
    searchOn(unit),
    search(plan.exact, null),
    search(plan.shared, { dimensions, ownPoolId: null }),
    ...plan.own.map((ownPoolId) => search([ownPoolId], { dimensions, ownPoolId })),
  ]);
  return inOrder(found);
}

const inOrder = (found: readonly Nearest[][]): Nearest[] =>
  found
    .flat()
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, MAX_NEAREST);
