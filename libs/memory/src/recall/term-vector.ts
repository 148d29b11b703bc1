import { binaryArray } from '#platform';

/** Of a term in one vector; Postgres' own limit is 256, and the saturating term weight cannot tell so many apart. */
const MOST_PLACES = 255;

/**
 * Terms as Postgres' tsvector literal. Places stand only for how often a term occurs: `'stem':1,2,3` is three times.
 * @param terms as analysis makes them: without quotes, backslashes or white space
 */
export function termVector(terms: readonly string[]): string {
  return [...termFrequencies(terms)].map(([term, count]) => `'${term}':${places(count)}`).join(' ');
}

/** The same of several texts, to be bound as `tsvector[]`. */
export function termVectors(texts: readonly (readonly string[])[]): Buffer {
  return binaryArray.tsvector(texts.map(termFrequencies));
}

/** How often each term occurs; at most {@link MOST_PLACES}. */
export function termFrequencies(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, Math.min((counts.get(term) ?? 0) + 1, MOST_PLACES));
  return counts;
}

const FIRST_PLACES = Array.from({ length: MOST_PLACES + 1 }, (_, count) =>
  Array.from({ length: count }, (_, place) => place + 1).join(','),
);
const places = (count: number): string => FIRST_PLACES[count] as string;

/** What a tsvector in Postgres' notation says, such as `'stem':1A,2A 'word':3A`: each term and how often it occurs. */
export function readFrequencies(vector: string): { terms: string[]; frequencies: number[] } {
  const terms: string[] = [];
  const frequencies: number[] = [];
  if (vector === '') return { terms, frequencies };
  // Terms hold neither quotes nor spaces, so neither do their entries.
  for (const entry of vector.split(' ')) {
    const end = entry.lastIndexOf("'");
    let count = 1;
    for (let at = entry.indexOf(',', end); at >= 0; at = entry.indexOf(',', at + 1)) count++;
    terms.push(entry.slice(1, end));
    frequencies.push(count);
  }
  return { terms, frequencies };
}
