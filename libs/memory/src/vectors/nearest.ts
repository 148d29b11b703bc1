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
  type NearVector,
} from './nearest.repository.js';
import { USUAL_FACTOR } from './search-costs.js';
import { planSearch } from './vector-plan.js';

/** Pools that are searched in one way. */
interface Part {
  within: ReadScope;
  index: NearFirst['index'];
}

/** The nearest memories by meaning that the caller may read and wants, each pool searched as the plan says. */
export async function nearest(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  const found = await inEachPart(unit, scope, async (part) => {
    const exactly = () => nearestExactly(unit, part.within, filter, vector);
    if (isRowByRow(part)) return exactly();
    const { found, looked } = await nearestFirst(unit, part.within, filter, { vector, index: part.index });
    return isEnough(part, found.length, looked) ? found : exactly();
  });
  return inOrder(found);
}

/** What a vector stands for, and how near it is. */
export interface Near {
  passage: Passage;
  cosine: number;
}

/** As `nearest`, by what is known of the memories. */
export type NearestAmong = (
  vector: readonly number[],
  /** As it may be read; undefined where it may not, or is not known. */
  passageOf: (memory: NearVector) => Passage | undefined,
) => Promise<Near[]>;

/** The vectors are looked at once, for all who ask. */
export function nearestAmong(unit: Unit, scope: ReadScope, filter: MemoryFilter): NearestAmong {
  let asked: Promise<(Part & { near: NearVector[] })[]> | undefined;
  return async (vector, passageOf) => {
    asked ??= inEachPart(unit, scope, async (part) => {
      const near = isRowByRow(part) ? [] : await nearestVectors(unit, part.within, { vector, index: part.index });
      return { ...part, near };
    });
    const found = (await asked).map(async ({ near, ...part }) => {
      const readable: Near[] = [];
      for (const one of near) {
        if (readable.length === MAX_NEAREST) break;
        const passage = passageOf(one);
        if (passage?.wanted) readable.push({ passage, cosine: one.cosine });
      }
      if (!isRowByRow(part) && isEnough(part, readable.length, near.length)) return readable;
      const exactly = await nearestExactly(unit, part.within, filter, vector);
      return exactly.map((row) => ({ passage: passageOf(row) ?? row, cosine: row.cosine }));
    });
    return inOrder(await Promise.all(found));
  };
}

async function inEachPart<Found>(
  unit: Unit,
  scope: ReadScope,
  search: (part: Part) => Promise<Found>,
): Promise<Found[]> {
  const { pools, indexed, dimensions } = await findPlacements(unit, scope);
  const plan = planSearch(pools, indexed, scope.space?.exactFactor ?? USUAL_FACTOR);
  const searchIn = (poolIds: readonly string[], index: NearFirst['index']) =>
    poolIds.length === 0 ? [] : [search({ within: { ...scope, filter: scope.filter.narrow(poolIds) }, index })];
  if (dimensions === null || plan.shared.length + plan.own.length === 0)
    return Promise.all(searchIn(scope.filter.poolIds, null));
  const on = searchOn(unit);
  const parts = [
    ...searchIn(plan.exact, null),
    ...searchIn(plan.shared, { dimensions, ownPoolId: null }),
    ...plan.own.flatMap((ownPoolId) => searchIn([ownPoolId], { dimensions, ownPoolId })),
  ];
  const [found] = await Promise.all([Promise.all(parts), on]);
  return found;
}

/** Row by row the policy may leave little of the nearest: then it is asked of every one at once. */
const isRowByRow = ({ within, index }: Part): boolean => !index && !within.filter.readsWhole();

/** An index may also have given up before it had looked at so many. */
const isEnough = ({ index }: Part, found: number, looked: number): boolean =>
  found >= MAX_NEAREST || (looked < MAX_LOOKED && index === null);

const inOrder = <Found extends { cosine: number }>(found: readonly (readonly Found[])[]): Found[] =>
  found
    .flat()
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, MAX_NEAREST);
