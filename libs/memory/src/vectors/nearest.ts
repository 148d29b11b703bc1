import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import {
  findPlacements,
  MAX_NEAREST,
  nearestExactly,
  nearestFirst,
  searchOn,
  type Nearest,
  type NearFirst,
} from './nearest.repository.js';
import { planSearch } from './vector-plan.js';

/** Of the nearest the caller has to be left so many; else all that it may read is compared. */
const ENOUGH = MAX_NEAREST / 4;

/** The nearest memories by meaning that the caller may read and wants, each pool searched as the plan says. */
export async function nearest(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  const { pools, indexed, dimensions } = await findPlacements(unit, scope);
  const plan = planSearch(pools, indexed);
  const search = async (poolIds: readonly string[], index: NearFirst['index']): Promise<Nearest[]> => {
    if (poolIds.length === 0) return [];
    const within: ReadScope = { ...scope, filter: scope.filter.narrow(poolIds) };
    // Row by row the policy may leave little of the nearest: then it is asked of every one at once.
    if (!index && !within.filter.readsWhole()) return nearestExactly(unit, within, filter, vector);
    const { found, looked } = await nearestFirst(unit, within, filter, { vector, index });
    const isTooFew = looked >= MAX_NEAREST && found.length < ENOUGH;
    return isTooFew ? nearestExactly(unit, within, filter, vector) : found;
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
