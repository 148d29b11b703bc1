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

/** A text that holds at least one of the query's terms. `frequencies[i]` is how often it holds `terms[i]`. */
export interface Candidate {
  readonly id: string;
  /** All terms of the text, repeated ones too. */
  readonly length: number;
  readonly terms: readonly string[];
  readonly frequencies: readonly number[];
}

export interface LexicalScore {
  readonly score: number;
  /** The query's terms that the text holds. */
  readonly matched: readonly string[];
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
 * How well each candidate's words answer the query: Σ idf·weight over the terms it holds, divided by Σ idf over all terms
 * of the query, from 0 to below 1.8 (1 when a short text holds each term once).
 *
 * `documents` is how many texts of the collection the caller may read, `documentFrequencies` how many of those hold each
 * term. Where those are not given, `candidates` must be all of them that hold a term of the query. What the caller may not
 * read must be in none of these: through idf it would show in the scores of what they may.
 */
export function lexicalScores(
  query: { readonly terms: readonly string[] },
  collection: { readonly documents: number; readonly documentFrequencies?: ReadonlyMap<string, number> | null },
  candidates: readonly Candidate[],
  shape: TextShape = MEMORY_SHAPE,
): Map<string, LexicalScore> {
  const frequencies = collection.documentFrequencies ?? countOf(query.terms, candidates);
  const idf = new Map<string, number>();
  let total = 0;
  for (const term of new Set(query.terms)) {
    const weight = inverseDocumentFrequency(collection.documents, frequencies.get(term) ?? 0);
    idf.set(term, weight);
    total += weight;
  }

  const scores = new Map<string, LexicalScore>();
  for (const { id, length, terms, frequencies: counts } of candidates) {
    const matched: string[] = [];
    let sum = 0;
    for (let i = 0; i < terms.length; i++) {
      const term = terms[i] as string;
      const weight = idf.get(term);
      const frequency = counts[i] ?? 0;
      if (weight === undefined || frequency <= 0) continue;
      matched.push(term);
      sum += weight * termWeight(frequency, length, shape);
    }
    if (matched.length > 0) scores.set(id, { score: sum / total, matched });
  }
  return scores;
}

function countOf(terms: readonly string[], candidates: readonly Candidate[]): Map<string, number> {
  const counts = new Map<string, number>(terms.map((term) => [term, 0]));
  for (const candidate of candidates) {
    for (const term of candidate.terms) {
      const count = counts.get(term);
      if (count !== undefined) counts.set(term, count + 1);
    }
  }
  return counts;
}
