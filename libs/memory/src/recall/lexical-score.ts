/** How fast repetition of a term and length of a text wear off. */
export interface TextShape {
  /** BM25's k₁: the higher, the longer repetition goes on to count. A term's weight stays below `saturation + 1`. */
  readonly saturation: number;
  /** Terms up to which length costs nothing. Absolute, not an average: parameters tuned to one average fail in another pool. */
  readonly floor: number;
}

/** A memory: a turn of a conversation, a fact, a note. */
export const MEMORY_SHAPE: TextShape = { saturation: 0.8, floor: 20 };

/** A whole session, its memories' terms taken together. */
export const SESSION_SHAPE: TextShape = { saturation: 1.2, floor: 300 };

/** How often each of some texts holds each of some terms. In numbers alone: of a thousand texts every object is felt. */
export interface TermTable {
  readonly terms: readonly string[];
  /** Of each text, in terms, repeated ones too. */
  readonly lengths: ArrayLike<number>;
  /** Text by text, one place a term. */
  readonly counts: ArrayLike<number>;
}

/** BM25's ln(1 + (N − df + ½) / (df + ½)): how much a term tells, never negative. */
export function inverseDocumentFrequency(documents: number, documentFrequency: number): number {
  // Counted apart, the two can disagree for a moment; a negative logarithm would turn the ranking round.
  const all = Math.max(documents, documentFrequency);
  return Math.log(1 + (all - documentFrequency + 0.5) / (documentFrequency + 0.5));
}

/**
 * What `frequency` occurrences of a term are worth in a text of `length` terms, from 0 to below k + 1:
 * (k + 1)·tf / (tf + k·max(1, length / floor)), for a memory 1.8·tf / (tf + 0.8·max(1, length / 20)).
 */
export function termWeight(frequency: number, length: number, shape: TextShape = MEMORY_SHAPE): number {
  const { saturation, floor } = shape;
  return ((saturation + 1) * frequency) / (frequency + saturation * Math.max(1, length / floor));
}

/**
 * How well each text's words answer the query: Σ idf·weight over the terms it holds, divided by Σ idf over all terms of the
 * query, from 0, where it holds none of them, to below 1.8 (1 when a short text holds each term once).
 *
 * `documents` is how many texts of the collection the caller may read, `documentFrequencies` how many of those hold each
 * term. Where those are not given, the table must have all of them that hold a term of the query. What the caller may not
 * read must be in none of these: through idf it would show in the scores of what they may.
 * @returns in the order of the table's texts
 */
export function lexicalScores(
  query: readonly string[],
  collection: { readonly documents: number; readonly documentFrequencies?: ReadonlyMap<string, number> | null },
  table: TermTable,
  shape: TextShape = MEMORY_SHAPE,
): Float64Array {
  const { terms, lengths, counts } = table;
  const scores = new Float64Array(lengths.length);
  let total = 0;
  for (const term of new Set(query)) {
    const column = terms.indexOf(term);
    const held = collection.documentFrequencies?.get(term) ?? countIn(table, column);
    const weight = inverseDocumentFrequency(collection.documents, held);
    total += weight;
    if (column < 0) continue;
    for (let text = 0, at = column; text < scores.length; text++, at += terms.length) {
      const frequency = counts[at] as number;
      if (frequency > 0)
        scores[text] = (scores[text] as number) + weight * termWeight(frequency, lengths[text] as number, shape);
    }
  }
  return total > 0 ? scores.map((sum) => sum / total) : scores;
}

function countIn({ terms, lengths, counts }: TermTable, column: number): number {
  if (column < 0) return 0;
  let held = 0;
  for (let text = 0, at = column; text < lengths.length; text++, at += terms.length) if (counts[at]) held++;
  return held;
}
