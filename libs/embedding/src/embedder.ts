import { ModelError, type ModelFailure, type Subject } from '#models';

/** How long an answer may take: somebody waits for a recall or a write, nobody for the backlog. */
export type Patience = 'somebody waits' | 'nobody waits';

/** Text → vector, of one model with one dimension. */
export interface Embedder {
  readonly model: string;
  /**
   * @returns one vector a text, of length 1 and in the order of the texts; null for a text that the model refuses
   * @throws EmbedderError when the model is away, late, or answers what is no vector
   */
  embed(texts: readonly string[], patience?: Patience): Promise<(number[] | null)[]>;
}

export type EmbedderFailure = ModelFailure;

export class EmbedderError extends ModelError {}

export const EMBEDDER: Subject = { who: 'the embedder', Failed: EmbedderError };

/**
 * Of length 1. Refuses what would poison a search: a missing vector, another dimension, NaN, infinity, all zeros.
 * @param dimensions undefined takes whatever the first has
 */
export function checkVectors(vectors: unknown, texts: number, dimensions: number | undefined): number[][] {
  if (!Array.isArray(vectors) || vectors.length !== texts) {
    throw wrong(`${texts} texts were sent and ${Array.isArray(vectors) ? vectors.length : 'no'} vectors came back`);
  }
  const wanted = dimensions ?? (vectors[0] as unknown[] | undefined)?.length ?? 0;
  return vectors.map((vector, index) => checkVector(vector, wanted, index));
}

function checkVector(vector: unknown, dimensions: number, index: number): number[] {
  if (!Array.isArray(vector) || vector.length !== dimensions || dimensions === 0) {
    throw wrong(`vector ${index} has ${Array.isArray(vector) ? vector.length : 'no'} dimensions, not ${dimensions}`);
  }
  let norm = 0;
  for (const value of vector) {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw wrong(`vector ${index} holds what is no finite number`);
    norm += value * value;
  }
  if (norm === 0) throw wrong(`vector ${index} is zero`);
  if (!Number.isFinite(norm)) throw wrong(`vector ${index} is too long to be measured`);
  const length = Math.sqrt(norm);
  return vector.map((value: number) => value / length);
}

export const wrong = (message: string): EmbedderError => new EmbedderError('WRONG', message);
