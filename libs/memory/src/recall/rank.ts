import type { Weighed } from './boosts.js';
import type { Parts, Passage, Scores } from './recipe.js';

export interface Ranked {
  id: string;
  poolId: string;
  /** The sum of its parts. */
  score: number;
  weighed: Weighed | undefined;
  /** Of the few that are told. */
  explain: () => Ranking;
}

/** Why a memory stands where it does. */
export interface Ranking {
  parts: Parts;
  /** From 1; null where the method did not find it. */
  textRank: number | null;
  vectorRank: number | null;
}

/**
 * Those that pass the caller's filter, the best first. Of equals the newer comes first.
 * @param near the places that the vectors found: of the least of them the meaning adds nothing
 */
export function rank({ passages, sums, evidence, partsOf }: Scores, near: ReadonlySet<number>): Ranked[] {
  const wanted: number[] = [];
  passages.forEach((passage, place) => {
    if (passage.wanted && ((sums[place] as number) > 0 || near.has(place))) wanted.push(place);
  });
  const isText = (place: number) => (evidence.lexical[place] as number) > 0;
  const rankAmong = (isOne: (place: number) => boolean, values: ArrayLike<number>, place: number): number | null => {
    if (!isOne(place)) return null;
    const before = bestFirst(passages, values);
    return wanted.reduce((rank, other) => (isOne(other) && before(other, place) < 0 ? rank + 1 : rank), 1);
  };
  return wanted.sort(bestFirst(passages, sums)).map((place) => {
    const { id, poolId, weighed } = passages[place] as Passage;
    const explain = () => ({
      parts: partsOf(place),
      textRank: rankAmong(isText, evidence.lexical, place),
      vectorRank: rankAmong((one) => near.has(one), evidence.meaning, place),
    });
    return { id, poolId, weighed, score: sums[place] as number, explain };
  });
}

/** Ids of version 7 are in the order of writing. */
const bestFirst = (passages: readonly Passage[], values: ArrayLike<number>) => (a: number, b: number) =>
  (values[b] as number) - (values[a] as number) || byId(passages[b], passages[a]);

const byId = (a: Passage | undefined, b: Passage | undefined): number =>
  (a?.id ?? '') < (b?.id ?? '') ? -1 : a === b ? 0 : 1;
