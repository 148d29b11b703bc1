/** How the vectors of a pool are searched: compared one by one, in the index that pools share, or in one of its own. */
export type Tier = 'EXACT' | 'SHARED' | 'OWN';

/**
 * Between the two sizes of a tier a pool stays where it is. An HNSW index costs nine times the writes, so small pools stay
 * out of it; beyond 50,000 a pool's own answers better than one that is filtered.
 */
const SHARED = { from: 2_000, until: 1_000 };
const OWN = { from: 50_000, until: 25_000 };

export function tierOf(memories: number, present: Tier): Tier {
  if (memories >= (present === 'OWN' ? OWN.until : OWN.from)) return 'OWN';
  if (memories >= (present === 'EXACT' ? SHARED.from : SHARED.until)) return 'SHARED';
  return 'EXACT';
}

export interface Placement {
  poolId: string;
  memories: number;
  tier: Tier;
}

/** The pools that are searched in each way. */
export interface SearchPlan {
  exact: string[];
  shared: string[];
  own: string[];
}

/**
 * A filtered index must look at about as many vectors more as the caller may read fewer: up to a multiple of √N readable ones of N
 * it is faster to compare each, and nothing is missed.
 * @param indexed how many memories the shared index holds, of all pools
 * @param exactFactor the multiple; see SearchCosts
 */
export function planSearch(placements: readonly Placement[], indexed: number, exactFactor: number): SearchPlan {
  const of = (tier: Tier) => placements.filter((placement) => placement.tier === tier);
  const shared = of('SHARED');
  const readable = shared.reduce((sum, { memories }) => sum + memories, 0);
  const byIndex = readable > exactFactor * Math.sqrt(indexed);
  const ids = (some: readonly Placement[]) => some.map(({ poolId }) => poolId);
  return {
    exact: ids(byIndex ? of('EXACT') : [...of('EXACT'), ...shared]),
    shared: byIndex ? ids(shared) : [],
    own: ids(of('OWN')),
  };
}
