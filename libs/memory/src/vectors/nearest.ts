import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import {
  findPlacements,
  MAX_NEAREST,
  nearestByIndex,
  nearestExactly,
  searchOn,
  type Nearest,
} from './nearest.repository.js';
import { planSearch } from './vector-plan.js';

/** Of an index's answer the caller has to be left so many; else what it may read is compared one by one. */
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
  if (dimensions === null || plan.shared.length + plan.own.length === 0)
    return nearestExactly(unit, scope, filter, vector);
  const of = (poolIds: readonly string[]): ReadScope => ({ ...scope, filter: scope.filter.narrow(poolIds) });
  const byIndex = async (poolIds: readonly string[], ownPoolId: string | null) => {
    const { found, looked } = await nearestByIndex(unit, of(poolIds), filter, { vector, dimensions, ownPoolId });
    // The policy, or the caller's filter, left little of many: the rest may lie behind them.
    if (looked >= MAX_NEAREST && found.length < ENOUGH) return nearestExactly(unit, of(poolIds), filter, vector);
    return found;
  };
  const [, ...found] = await Promise.all([
    searchOn(unit),
    plan.exact.length ? nearestExactly(unit, of(plan.exact), filter, vector) : [],
    plan.shared.length ? byIndex(plan.shared, null) : [],
    ...plan.own.map((poolId) => byIndex([poolId], poolId)),
  ]);
  return (found as Nearest[][])
    .flat()
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, MAX_NEAREST);
}
