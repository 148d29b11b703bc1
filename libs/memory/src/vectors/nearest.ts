import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import type { Passage } from '../recall/recipe.js';
import {
  findPlacements,
  MAX_LOOKED,
  MAX_NEAREST,
  nearestExactly,
  nearestFirst,
  nearestVectors,
  searchOn,
  type Nearest,
  type NearFirst,
} from './nearest.repository.js';
import { USUAL_FACTOR } from './search-costs.js';
import { planSearch } from './vector-plan.js';

/** Pools that are searched in one way. */
interface PoolGroup {
  within: ReadScope;
  index: NearFirst['index'];
}

interface Asked {
  filter: MemoryFilter;
  vector: readonly number[];
}

/** The nearest memories by meaning that the caller may read and wants, each pool searched as the plan says. */
export async function nearest(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  return inOrder(await inEachGroup(unit, scope, (group) => searchGroup(unit, group, { filter, vector })));
}

async function searchGroup(unit: Unit, group: PoolGroup, { filter, vector }: Asked): Promise<Nearest[]> {
  const exactly = () => nearestExactly(unit, group.within, filter, vector);
  // Row by row the policy may leave little of the nearest: then it is asked of every one at once.
  if (!group.index && !group.within.filter.readsWhole()) return exactly();
  const { found, looked } = await nearestFirst(unit, group.within, filter, { vector, index: group.index });
  return isEnough(group, found.length, looked) ? found : exactly();
}

/** What a vector stands for, and how near it is. */
export interface Near {
  passage: Passage;
  cosine: number;
}

/** What is known of a memory, as it may be read; undefined where nothing is. */
export type PassageOf = (memory: { id: string; poolId: string }) => Passage | undefined;

/** As `nearest`, of what is known of the memories. */
export async function nearestKnown(unit: Unit, scope: ReadScope, asked: Asked, passageOf: PassageOf): Promise<Near[]> {
  return inOrder(await inEachGroup(unit, scope, (group) => nearestKnownIn(unit, group, asked, passageOf)));
}

async function nearestKnownIn(unit: Unit, group: PoolGroup, asked: Asked, passageOf: PassageOf): Promise<Near[]> {
  const all = (rows: readonly Nearest[]) => rows.map((row) => nearOf(row, passageOf));
  // Row by row one statement compares and decides: between two a memory may have been given other words, and been hidden.
  if (!group.within.filter.readsWhole()) return all(await searchGroup(unit, group, asked));
  const vectors = await nearestVectors(unit, group.within, { vector: asked.vector, index: group.index });
  const known = vectors.flatMap((one) => {
    const passage = passageOf(one);
    return passage?.wanted ? [{ passage, cosine: one.cosine }] : [];
  });
  if (isEnough(group, known.length, vectors.length)) return known;
  return all(await nearestExactly(unit, group.within, asked.filter, asked.vector));
}

function nearOf(row: Nearest, passageOf: PassageOf): Near {
  const known = passageOf(row);
  return { passage: known?.wanted ? known : row, cosine: row.cosine };
}

async function inEachGroup<Found>(
  unit: Unit,
  scope: ReadScope,
  search: (group: PoolGroup) => Promise<Found>,
): Promise<Found[]> {
  const { pools, indexed, dimensions } = await findPlacements(unit, scope);
  const plan = planSearch(pools, indexed, scope.space?.exactFactor ?? USUAL_FACTOR);
  const searchIn = (poolIds: readonly string[], index: NearFirst['index']) =>
    poolIds.length === 0 ? [] : [search({ within: { ...scope, filter: scope.filter.narrow(poolIds) }, index })];
  if (dimensions === null || plan.shared.length + plan.own.length === 0)
    return Promise.all(searchIn(scope.filter.poolIds, null));
  const on = searchOn(unit);
  const groups = [
    ...searchIn(plan.exact, null),
    ...searchIn(plan.shared, { dimensions, ownPoolId: null }),
    ...plan.own.flatMap((ownPoolId) => searchIn([ownPoolId], { dimensions, ownPoolId })),
  ];
  const [found] = await Promise.all([Promise.all(groups), on]);
  return found;
}

/** An index may also have given up before it had looked at so many. */
const isEnough = ({ index }: PoolGroup, found: number, looked: number): boolean =>
  found >= MAX_NEAREST || (looked < MAX_LOOKED && index === null);

const inOrder = <Found extends { cosine: number }>(found: readonly (readonly Found[])[]): Found[] =>
  found
    .flat()
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, MAX_NEAREST);
