/**
 * The Snowball English stemmer ("Porter2"), written from its published definition
 * (https://snowballstem.org/algorithms/english/stemmer.html).
 *
 * The revision is the one in PostgreSQL 18's `english_stem`. PostgreSQL 15 to 17 have an older one that differs in one
 * place: they shorten `added`, `ebbed`, `offing` to `ad`, `eb`, `of`, where 18 keeps the double letter of a three-letter
 * word. Newer revisions of Snowball also treat `evening`, `lateral` or `geologist` apart; none of these versions does.
 */

/** `y` counts as a vowel; a consonant y is written `Y` while a word is worked on. */
const VOWELS = 'aeiouy';
const DOUBLES = ['bb', 'dd', 'ff', 'gg', 'mm', 'nn', 'pp', 'rr', 'tt'];
const BEFORE_LI = 'cdeghkmnrt';

/** Words whose stem is given outright. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['skis', 'ski'],
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['idly', 'idl'],
  ['gently', 'gentl'],
  ['ugly', 'ugli'],
  ['early', 'earli'],
  ['only', 'onli'],
  ['singly', 'singl'],
  ...['sky', 'news', 'howe', 'atlas', 'cosmos', 'bias', 'andes'].map((word): [string, string] => [word, word]),
]);

/** Words that are finished once a plural s is gone: `innings` ends as `inning`, not `in`. */
const FINISHED_AFTER_PLURAL: ReadonlySet<string> = new Set(
  'inning outing canning herring earring proceed exceed succeed'.split(' '),
);

/** Beginnings after which the region R1 starts at once, so that `generic` and `general` keep apart from `generous`. */
const R1_PREFIXES = ['gener', 'commun', 'arsen'];

/**
 * A word in the making. `r1` and `r2` are offsets fixed at the start: R1 is what follows the first non-vowel after a
 * vowel, R2 the same again inside R1.
 */
interface Regions {
  readonly r1: number;
  readonly r2: number;
}

/** A suffix, what takes its place, and a further condition on the word and the offset at which the suffix begins. */
type Rule = readonly [
  suffix: string,
  replacement: string,
  condition?: (word: string, at: number, r: Regions) => boolean,
];

/** Rules by the last letter of their suffix, the longest first: most words need to be held against none or a few. */
type Rules = ReadonlyMap<string, readonly Rule[]>;

function longestFirst(rules: readonly Rule[]): Rules {
  const byLastLetter = new Map<string, Rule[]>();
  for (const rule of [...rules].sort(([a], [b]) => b.length - a.length)) {
    const last = rule[0].slice(-1);
    byLastLetter.set(last, [...(byLastLetter.get(last) ?? []), rule]);
  }
  return byLastLetter;
}

const STEP_2 = longestFirst([
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['entli', 'ent'],
  ['izer', 'ize'],
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['alli', 'al'],
  ['fulness', 'ful'],
  ['ousli', 'ous'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
  ['bli', 'ble'],
  ['ogi', 'og', (word, at) => word[at - 1] === 'l'],
  ['fulli', 'ful'],
  ['lessli', 'less'],
  ['li', '', (word, at) => isOneOf(BEFORE_LI, word[at - 1])],
]);

const STEP_3 = longestFirst([
  ['tional', 'tion'],
  ['ational', 'ate'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
  ['ative', '', (_word, at, { r2 }) => at >= r2],
]);

const STEP_4 = longestFirst([
  ...'al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize'
    .split(' ')
    .map((suffix): Rule => [suffix, '']),
  ['ion', '', (word, at) => isOneOf('st', word[at - 1])],
]);

/**
 * The stem of an English word, as PostgreSQL 18's `english_stem` gives it for a word that is no stop word.
 *
 * `word` is lower case. Words of other languages come back little changed: only a–z endings are known.
 */
export function stem(word: string): string {
  const exception = EXCEPTIONS.get(word);
  if (exception !== undefined) return exception;
  if (word.length < 3) return word;

  let w = markConsonantY(word.startsWith("'") ? word.slice(1) : word);
  const regions = regionsOf(w);

  w = dropPlural(dropPossessive(w));
  if (!FINISHED_AFTER_PLURAL.has(w)) {
    w = dropPastAndGerund(w, regions);
    w = turnFinalYToI(w);
    w = applyLongest(STEP_2, w, regions.r1, regions);
    w = applyLongest(STEP_3, w, regions.r1, regions);
    w = applyLongest(STEP_4, w, regions.r2, regions);
    w = dropFinalEOrL(w, regions);
  }
  // Nothing but apostrophes and an s leaves nothing; PostgreSQL then keeps the word.
  return w.replaceAll('Y', 'y') || word;
}

function isOneOf(letters: string, letter: string | undefined): boolean {
  return letter !== undefined && letters.includes(letter);
}

function isVowel(word: string, at: number): boolean {
  return isOneOf(VOWELS, word[at]);
}

function hasVowel(word: string): boolean {
  return /[aeiouy]/.test(word);
}

/** y is a consonant at the beginning (`yes`) and after a vowel (`say`), else a vowel (`by`). */
function markConsonantY(word: string): string {
  if (!word.includes('y')) return word;
  let marked = '';
  for (const letter of word) {
    const consonant = letter === 'y' && (marked === '' || isVowel(marked, marked.length - 1));
    marked += consonant ? 'Y' : letter;
  }
  return marked;
}

/** The offset behind the first non-vowel that follows a vowel, from `from` on; the word's length if there is none. */
function behindVowelAndConsonant(word: string, from: number): number {
  for (let i = from + 1; i < word.length; i++) {
    if (isVowel(word, i - 1) && !isVowel(word, i)) return i + 1;
  }
  return word.length;
}

function regionsOf(word: string): Regions {
  const prefix = R1_PREFIXES.find((start) => word.startsWith(start));
  const r1 = prefix?.length ?? behindVowelAndConsonant(word, 0);
  return { r1, r2: behindVowelAndConsonant(word, r1) };
}

/** Whether the word ends in a short syllable: `rap`, `trap`, `ow` do; `uproot`, `bestow`, `fix` do not. */
function endsInShortSyllable(word: string): boolean {
  const last = word.length - 1;
  if (last < 1 || isVowel(word, last) || !isVowel(word, last - 1)) return false;
  return last === 1 || (!isVowel(word, last - 2) && !isOneOf('wxY', word[last]));
}

/** Step 0. */
function dropPossessive(word: string): string {
  const suffix = ["'s'", "'s", "'"].find((ending) => word.endsWith(ending));
  return suffix === undefined ? word : word.slice(0, -suffix.length);
}

/** Step 1a. */
function dropPlural(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2);
  if (word.endsWith('ied') || word.endsWith('ies')) return word.slice(0, word.length > 4 ? -2 : -1);
  if (!word.endsWith('s') || word.endsWith('us') || word.endsWith('ss')) return word;
  // The vowel may not stand right before the s: gas and this keep it, gaps and kiwis lose it.
  return hasVowel(word.slice(0, -2)) ? word.slice(0, -1) : word;
}

/** Step 1b. */
function dropPastAndGerund(word: string, { r1 }: Regions): string {
  const suffix = ['eedly', 'ingly', 'edly', 'eed', 'ing', 'ed'].find((ending) => word.endsWith(ending));
  if (suffix === undefined) return word;
  const rest = word.slice(0, -suffix.length);
  if (suffix.startsWith('eed')) return rest.length >= r1 ? `${rest}ee` : word;
  if (!hasVowel(rest)) return word;

  if (/(?:at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (DOUBLES.some((double) => rest.endsWith(double))) {
    // Since PostgreSQL 18: add, ebb, egg and off are words, hopp is not.
    const isWholeWord = rest.length === 3 && isOneOf('aeo', rest[0]);
    return isWholeWord ? rest : rest.slice(0, -1);
  }
  return rest.length === r1 && endsInShortSyllable(rest) ? `${rest}e` : rest;
}

/** Step 1c. */
function turnFinalYToI(word: string): string {
  const last = word.length - 1;
  const endsInY = isOneOf('yY', word[last]);
  return endsInY && last > 1 && !isVowel(word, last - 1) ? `${word.slice(0, -1)}i` : word;
}

/** Steps 2, 3 and 4: only the longest suffix that the word has is tried, and it must lie in the region. */
function applyLongest(rules: Rules, word: string, region: number, regions: Regions): string {
  for (const [suffix, replacement, condition] of rules.get(word.slice(-1)) ?? []) {
    if (!word.endsWith(suffix)) continue;
    const at = word.length - suffix.length;
    const applies = at >= region && (condition === undefined || condition(word, at, regions));
    return applies ? word.slice(0, at) + replacement : word;
  }
  return word;
}

/** Step 5. */
function dropFinalEOrL(word: string, { r1, r2 }: Regions): string {
  const at = word.length - 1;
  const rest = word.slice(0, -1);
  if (word.endsWith('e')) return at >= r2 || (at >= r1 && !endsInShortSyllable(rest)) ? rest : word;
  return word.endsWith('ll') && at >= r2 ? rest : word;
}
