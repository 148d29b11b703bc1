import type { AccessService } from '#access';
import type { Unit } from '#platform';
import {
  compareSome,
  pingDatabase,
  sampleVectors,
  searchSharedIndex,
  type SharedSpace,
} from './search-costs.repository.js';
import { searchOn } from './nearest.repository.js';

/** Until it was measured: what a machine of two cores came to. */
export const USUAL_FACTOR = 30;
/** Beyond these, something else was measured than the search. */
const FACTORS = { least: 6, most: 60 };
const SAMPLES = 5;

/** Milliseconds. */
export interface Costs {
  /** To read one vector of a pool and compare it. */
  comparison: number;
  /** To ask the shared index for its nearest, whoever may read them. */
  search: number;
}

/**
 * Where comparing one by one and searching the index cost the same. Of N vectors in the index a caller may read r: r comparisons
 * against a search that looks at N / r times as many vectors. They are even at r = √(search / comparison) · √N; the factor is what
 * stands before √N. (Of 50,000 vectors of 384 dimensions: even between r = 6,300 and 12,700, where this says 9,000 to 11,600.)
 */
export function exactFactorOf({ comparison, search }: Costs): number {
  const factor = Math.sqrt(search / comparison);
  return Number.isFinite(factor) ? Math.min(Math.max(factor, FACTORS.least), FACTORS.most) : USUAL_FACTOR;
}

/** What searches cost on this database, measured once by each broker, as soon as there is an index to measure. */
export class SearchCosts {
  exactFactor = USUAL_FACTOR;
  measured = false;

  async measure(access: AccessService, space: SharedSpace): Promise<void> {
    if (this.measured) return;
    const costs = await access.system('measure vector searches', (unit) => measureCosts(unit, space));
    if (!costs) return;
    this.exactFactor = exactFactorOf(costs);
    this.measured = true;
  }
}

/** The median of some samples, each without the way to the database and back. @returns undefined where there are no vectors */
export async function measureCosts(unit: Unit, space: SharedSpace): Promise<Costs | undefined> {
  await searchOn(unit);
  const comparisons: number[] = [];
  const searches: number[] = [];
  for (const { poolId, embedding } of await sampleVectors(unit, space, SAMPLES)) {
    const way = await timed(() => pingDatabase(unit));
    const compared = await timed(() => compareSome(unit, space, { poolId, embedding }));
    const searched = await timed(() => searchSharedIndex(unit, space, embedding));
    comparisons.push(Math.max(compared.ms - way.ms, 0) / compared.result);
    searches.push(Math.max(searched.ms - way.ms, 0));
  }
  if (comparisons.length === 0) return undefined;
  return { comparison: median(comparisons), search: median(searches) };
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const since = performance.now();
  const result = await work();
  return { ms: performance.now() - since, result };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
