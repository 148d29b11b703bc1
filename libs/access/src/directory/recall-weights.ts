import { badInput } from '#kernel';

/** How much importance, recency and usage may add to a hit of a pool, beside a score of about 1 for a good answer. */
export interface RecallWeights {
  importance: number;
  recency: number;
  usage: number;
}

/** More would let what is new or important stand before what answers the question. */
const MOST = 0.5;
const NAMES = ['importance', 'recency', 'usage'] as const;

/** @throws BAD_INPUT naming the field below `path`. */
export function checkWeights(weights: RecallWeights, path: string): RecallWeights {
  for (const name of NAMES) {
    const value = weights[name];
    if (!(typeof value === 'number' && value >= 0 && value <= MOST))
      throw badInput(`${path}.${name}`, `must be a number from 0 to ${MOST}`);
  }
  return { importance: weights.importance, recency: weights.recency, usage: weights.usage };
}
