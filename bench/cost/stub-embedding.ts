/** As many as the common small models have. */
export const DIMENSIONS = 384;
const PLACES_OF_A_WORD = 12;
const CLUSTERS = 400;
const CLUSTER_WEIGHT = 1.2;

/** A model that costs next to nothing: the words of a text, hashed; or, of a numbered text, one of a clustered set. */
export function embed(text: string): number[] {
  const numbered = /^(?:vector|like) (\d+)$/.exec(text);
  return numbered ? clustered(Number(numbered[1])) : hashed(text);
}

/** A memory of a vector and no words, and a question for those near another: the two share no word, so meaning alone finds. */
export const vectorText = (nth: number): string => `vector ${nth}`;
export const vectorQuestion = (nth: number): string => `like ${FIRST_QUESTION + nth}`;

/** No memory has such a number. */
const FIRST_QUESTION = 10_000_000;

export const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, place) => sum + value * (b[place] as number), 0) / (norm(a) * norm(b));

const norm = (vector: readonly number[]): number => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

function hashed(text: string): number[] {
  const vector: number[] = new Array<number>(DIMENSIONS).fill(0);
  for (const word of text.toLowerCase().split(/\W+/).filter(Boolean)) {
    const random = randomOf(seedOf(word));
    for (let place = 0; place < PLACES_OF_A_WORD; place++) {
      const at = Math.floor(random() * DIMENSIONS);
      vector[at] = (vector[at] as number) + (random() < 0.5 ? -1 : 1);
    }
  }
  // A text without words, or whose words cancel out, must not be zero: that is refused.
  if (!vector.some(Boolean)) vector[0] = 1;
  return vector;
}

/** As real ones lie: around centres. Evenly spread, no two of 384 dimensions are near each other. */
function clustered(nth: number): number[] {
  const centre = randomOf(1_000_003 + (nth % CLUSTERS));
  const own = randomOf(7_000_003 + nth);
  return Array.from({ length: DIMENSIONS }, () =>
    Number((CLUSTER_WEIGHT * (centre() - 0.5) + (own() - 0.5)).toFixed(3)),
  );
}

function seedOf(word: string): number {
  let seed = 2_166_136_261;
  for (let at = 0; at < word.length; at++) seed = Math.imul(seed ^ word.charCodeAt(at), 16_777_619);
  return seed;
}

/** mulberry32: small, fast, and the same everywhere. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
