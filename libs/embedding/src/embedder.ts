/** Text → vector. Adapters are held to one behaviour: a vector a text, in order, of one dimension, finite and not zero. */
export interface Embedder {
  readonly model: string;
  /**
   * @returns one vector a text, in the order of the texts
   * @throws EmbedderError when the model is away, late, or answers what is no vector
   */
  embed(texts: readonly string[]): Promise<number[][]>;
}

export class EmbedderError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbedderError';
  }
}

/** Refuses what would poison a search: a missing vector, another dimension, NaN, infinity, all zeros. */
export function checkVectors(vectors: unknown, texts: number, dimensions: number | undefined): number[][] {
  if (!Array.isArray(vectors) || vectors.length !== texts) {
    throw new EmbedderError(
      `${texts} texts were sent and ${Array.isArray(vectors) ? vectors.length : 'no'} vectors came back`,
    );
  }
  const wanted = dimensions ?? (vectors[0] as unknown[] | undefined)?.length ?? 0;
  return vectors.map((vector, index) => checkVector(vector, wanted, index));
}

function checkVector(vector: unknown, dimensions: number, index: number): number[] {
  if (!Array.isArray(vector) || vector.length !== dimensions || dimensions === 0) {
    throw new EmbedderError(
      `vector ${index} has ${Array.isArray(vector) ? vector.length : 'no'} dimensions, not ${dimensions}`,
    );
  }
  let norm = 0;
  for (const value of vector) {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new EmbedderError(`vector ${index} holds what is no finite number`);
    norm += value * value;
  }
  if (norm === 0) throw new EmbedderError(`vector ${index} is zero`);
  const length = Math.sqrt(norm);
  return vector.map((value: number) => value / length);
}
