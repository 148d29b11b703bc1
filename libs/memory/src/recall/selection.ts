import type { MemoryRow, RecallWeights } from '#access';
import type { Memory } from '../memory.js';
import { boostsOf, DEFAULT_WEIGHTS, spreadOf, steadyBoost, sumOf, type Boosts } from './boosts.js';
import { inOrder, type InOrder } from './in-order.js';
import { foldNearDuplicates } from './near-duplicates.js';

/** A hit as the search ranked it, before it was read. */
export interface Placed {
  id: string;
  poolId: string;
  score: number;
  /** Its row, where that is known before the memory is read. */
  known?: MemoryRow | undefined;
}

/** A hit that was read: its score with the boosts, and what says the same and gave its place to others. */
export interface Selected<Hit extends Placed> {
  hit: Hit;
  memory: Memory;
  score: number;
  boosts: Boosts;
  repeats: string[];
}

export interface Selection {
  limit: number;
  perPool: number;
  /** The moment that is asked about, and whether it is a past one. */
  now: Date;
  isPast: boolean;
  /** Of those that were searched. */
  poolIds: readonly string[];
  /** Of a pool; null: the broker's own. */
  weightsOf: (poolId: string) => RecallWeights | null;
}

/** Read beside those that are asked for: boosts may bring them forward, and folding may leave places to them. */
const MOST_SPARE = 30;
/** Read at least, for what is folded, is hidden by now, or is too many of its pool. */
const LEAST_SPARE = 5;

/**
 * Takes hits in the order of their scores with the boosts: near-duplicates folded, at most so many of a pool.
 * @param read the memories that may still be seen, in any order
 */
export async function select<Hit extends Placed>(
  ranked: InOrder<Hit>,
  selection: Selection,
  read: (hits: readonly Hit[]) => Promise<Memory[]>,
): Promise<Selected<Hit>[]> {
  const near = nearEnough(ofPools(inOrder(ranked), selection, LEAST_SPARE), selection);
  const first = boosted(near, await read(near), selection);
  const taken = take(first, selection);
  if (taken.length === selection.limit || near.length === ranked.length) return taken;
  // Many were folded, or of one pool: once more, from further behind.
  const looked = new Set(near);
  const isFull = (poolId: string) => taken.filter(({ hit }) => hit.poolId === poolId).length === selection.perPool;
  const full = new Set(selection.poolIds.filter(isFull));
  const behind = [...inOrder(ranked)].filter((hit) => !looked.has(hit) && !full.has(hit.poolId));
  const rest = [...ofPools(behind, selection, MOST_SPARE)].slice(0, selection.limit + MOST_SPARE);
  if (rest.length === 0) return taken;
  const more = boosted(rest, await read(rest), selection);
  return take([...first, ...more], selection);
}

/** Those that boosts can bring among the first, and a few more. */
function nearEnough<Hit extends Placed>(ranked: Iterable<Hit>, selection: Selection): Hit[] {
  const { limit, poolIds, weightsOf } = selection;
  const ofPools = poolIds.map((id) => weights(weightsOf, id));
  const spread = Math.max(0, ...ofPools.map(spreadOf));
  const near: Hit[] = [];
  for (const hit of ranked) {
    const last = near[limit - 1];
    if (last && near.length >= limit + LEAST_SPARE && hit.score < last.score - spread) break;
    near.push(hit);
  }
  if (near.length < limit) return near;
  const first = nearWhenKnown(near, selection, Math.max(0, ...ofPools.map(({ usage }) => usage))) ?? near;
  return first.slice(0, limit + MOST_SPARE);
}

/** Where all but the usage is known, few can still change places; undefined where it is not. In the order of the search. */
function nearWhenKnown<Hit extends Placed>(
  near: readonly Hit[],
  { limit, now, weightsOf }: Selection,
  spread: number,
): Hit[] | undefined {
  const expected = new Float64Array(near.length);
  for (const [place, { score, known, poolId }] of near.entries()) {
    if (!known) return undefined;
    expected[place] = score + steadyBoost(known, { now, weights: weights(weightsOf, poolId) });
  }
  const inOrder = expected.toSorted().reverse();
  // What is folded leaves its place to those behind: the usage of these may still change their order.
  const least = Math.min(inOrder[limit - 1] ?? 0, inOrder[limit + LEAST_SPARE - 1] ?? -Infinity) - spread;
  return near.filter((_, place) => (expected[place] as number) >= least);
}

/** Of each pool no more than could be taken, and a few. */
function ofPools<Hit extends Placed>(hits: Iterable<Hit>, { limit, perPool }: Selection, spare: number): Iterable<Hit> {
  return perPool >= limit ? hits : atMostOfPools(hits, ({ poolId }) => poolId, perPool + spare);
}

function boosted<Hit extends Placed>(hits: readonly Hit[], memories: readonly Memory[], selection: Selection) {
  const { now, isPast, weightsOf } = selection;
  const byId = new Map(memories.map((memory) => [memory.id, memory]));
  return hits.flatMap((hit) => {
    const memory = byId.get(hit.id);
    if (!memory) return [];
    const boosts = boostsOf(memory, { now, isPast, weights: weights(weightsOf, hit.poolId) });
    return [{ hit, memory, boosts, score: hit.score + sumOf(boosts) }];
  });
}

const weights = (weightsOf: Selection['weightsOf'], poolId: string): RecallWeights =>
  weightsOf(poolId) ?? DEFAULT_WEIGHTS;

function take<Hit extends Placed>(
  hits: readonly Omit<Selected<Hit>, 'repeats'>[],
  selection: Selection,
): Selected<Hit>[] {
  // Sorting is stable: of equals the order stays that of the search.
  const inOrder = [...hits].sort((a, b) => b.score - a.score);
  const distinct = foldNearDuplicates(
    inOrder,
    ({ memory }) => memory,
    ({ hit }) => hit.known,
  );
  const taken: Selected<Hit>[] = [];
  for (const { hit, repeats } of atMostOfPools(distinct, ({ hit: { hit } }) => hit.poolId, selection.perPool)) {
    taken.push({ ...hit, repeats });
    if (taken.length === selection.limit) break;
  }
  return taken;
}

/** In their order, at most so many of one pool. */
function* atMostOfPools<Hit>(hits: Iterable<Hit>, poolOf: (hit: Hit) => string, perPool: number): Generator<Hit> {
  const ofPool = new Map<string, number>();
  for (const hit of hits) {
    const count = ofPool.get(poolOf(hit)) ?? 0;
    if (count === perPool) continue;
    ofPool.set(poolOf(hit), count + 1);
    yield hit;
  }
}
