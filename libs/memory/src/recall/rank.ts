import type { Parts, Scored } from './recipe.js';

export interface Ranked {
  id: string;
  poolId: string;
  /** The sum of its parts. */
  score: number;
  parts: Parts;
  /** From 1; null where the method did not find it. */
  textRank: number | null;
  vectorRank: number | null;
}

/** Those that pass the caller's filter, the best first. Of equals the newer comes first. */
export function rank(scored: readonly Scored[]): Ranked[] {
  const wanted = scored.filter(({ passage, sum, isNear }) => passage.wanted && (sum > 0 || isNear));
  const textRanks = ranksBy(
    wanted.filter(({ parts }) => parts.lexical > 0),
    ({ lexical }) => lexical,
  );
  const vectorRanks = ranksBy(
    wanted.filter(({ isNear }) => isNear),
    ({ meaning }) => meaning,
  );
  return [...wanted]
    .sort((a, b) => b.sum - a.sum || newerFirst(a, b))
    .map(({ passage: { id, poolId }, parts, sum }) => ({
      id,
      poolId,
      score: sum,
      parts,
      textRank: textRanks.get(id) ?? null,
      vectorRank: vectorRanks.get(id) ?? null,
    }));
}

function ranksBy(scored: Scored[], value: (parts: Parts) => number): Map<string, number> {
  const ranked = scored.sort((a, b) => value(b.parts) - value(a.parts) || newerFirst(a, b));
  return new Map(ranked.map(({ passage }, place) => [passage.id, place + 1]));
}

/** Ids of version 7 are in the order of writing. */
const newerFirst = (a: Scored, b: Scored): number => (a.passage.id < b.passage.id ? 1 : -1);
