import { createHash } from 'node:crypto';

/** Counts tokens as o200k_base does, which the models of OpenAI since 2024 share; others count a little more or less. */
export type CountTokens = (text: string) => number;

/**
 * Pieces that were merged before. A key may keep the text that it was cut from in memory, so there are far fewer than the
 * library's 100,000.
 */
const KNOWN_PIECES = 10_000;
const KNOWN_TEXTS = 10_000;

/** Merging a piece takes time that grows with the square of its length: 30,000 letters in a row took a second. */
const LONGEST_PIECE = 1_000;
const LONG_RUN = new RegExp(
  String.raw`([\p{L}\p{M}]{${LONGEST_PIECE},}|[^\s\p{L}\p{N}]{${LONGEST_PIECE},}|\s{${LONGEST_PIECE},})`,
  'u',
);
/** A character before such a run may belong to its piece. */
const EDGE = 4;

/** No text is special here: what reads like a control token is the words of a memory. */
const AS_WORDS = { disallowedSpecial: new Set<string>() };

let loading: Promise<CountTokens> | undefined;

/** Loaded by the first recall with a budget: its 2 MB of ranks take a quarter of a second, which a start must not wait for. */
export function tokenCounter(): Promise<CountTokens> {
  return (loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  }));
}

async function load(): Promise<CountTokens> {
  const { countTokens, setMergeCacheSize } = await import('gpt-tokenizer/encoding/o200k_base');
  setMergeCacheSize(KNOWN_PIECES);
  return remembering((text) => countWith((part) => countTokens(part, AS_WORDS), text));
}

/** The same memories are recalled again and again, and a hash of a text takes a tenth of the time of its count. */
function remembering(count: CountTokens): CountTokens {
  const known = new Map<string, number>();
  return (text) => {
    const key = createHash('sha256').update(text).digest('base64');
    let tokens = known.get(key);
    if (tokens === undefined) {
      if (known.size >= KNOWN_TEXTS) known.clear();
      known.set(key, (tokens = count(text)));
    }
    return tokens;
  };
}

/** Never fewer than there are: a run too long to be merged counts a token for each byte, of which each token has one at least. */
function countWith(count: CountTokens, text: string): number {
  if (text.length < LONGEST_PIECE || !LONG_RUN.test(text)) return count(text);
  return text
    .split(LONG_RUN)
    .reduce((sum, part, place) => sum + (place % 2 === 1 ? Buffer.byteLength(part) + EDGE : count(part)), 0);
}
