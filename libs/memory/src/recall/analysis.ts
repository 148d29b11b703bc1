import { DEFAULT_LANGUAGE, type Language } from '#access';
import { GRAMMARS } from './language.js';

/** Grows with every change of what a text gives, its traits too: memories that an older analysis read are read again in the background. */
export const ANALYSIS = 3;

/** Longer terms are cut: nobody types them, and a term has to stay far below PostgreSQL's limit of 2,046 bytes. */
export const MAX_TERM_LENGTH = 64;

/** Runs of scripts that are written without spaces between words, or (Korean) with endings grown onto them. */
const UNSPACED_RUN = /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]+)/u;

const WORD = String.raw`[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['’][\p{L}\p{N}\p{M}]+)*`;

/** Words joined by one mark without a space: `well-known`, `user_id`, `v2.1`, `src/index.ts`, `ada@example.org`. */
const TOKEN = new RegExp(String.raw`${WORD}(?:[-‐_./:@]${WORD})*`, 'gu');

/** Where the words of a token part: at its marks and at the humps of camelCase, though not inside `APIs`. */
const JOINT = /[-‐_./:@]|(?<=\p{Ll})(?=\p{Lu})|(?<=[\p{Lu}\p{N}])(?=\p{Lu}\p{Ll}{2})/u;

const CONTRACTED_ENDING = /(?<=.)(?:n't|'(?:s|m|re|ve|ll|d))$/u;

/** Contractions that leave no word when their ending is taken off. */
const CONTRACTIONS: ReadonlyMap<string, string> = new Map([
  ["can't", 'can'],
  ["won't", 'will'],
  ["shan't", 'shall'],
  ["ain't", 'is'],
]);

/**
 * The words of a text, in order: in lower case, without possessive or contracted endings, neither stopped nor stemmed.
 *
 * A word is a run of letters, digits and marks of any script. A token of several words (`user_id`, `userId`, `user-id`)
 * gives each of them and then all of them closed up (`userid`): a technical name is found by its parts and, however it is
 * spelled, as a whole. Prose pays for that with one rare term for a hyphen. Two digits keep a point between them (`v2.1`
 * gives `v2`, `1` and `v2.1`), for 2.1 is not 21. Han, kana and Hangul give overlapping pairs of characters.
 */
export function words(text: string): string[] {
  return scan(text, wordsOfToken);
}

/**
 * The terms of a text, in order and as often as they occur: its {@link words} without stop words, stemmed as the language has
 * it. Empty if nothing is left.
 *
 * A term has 1 to {@link MAX_TERM_LENGTH} UTF-16 units: letters, digits, combining marks, points and whatever Unicode
 * counts to Han (its radicals and a punctuation mark are no letters), so that it can stand between quotes in a `tsvector`
 * or `tsquery` literal as it is.
 */
export function analyse(text: string, language: Language = DEFAULT_LANGUAGE): string[] {
  const known = knownTokensOf(language);
  return scan(text, (token) => termsOfToken(token, language, known));
}

/** What a word of {@link words} becomes; undefined for a stop word. */
export function termOf(word: string, language: Language): string | undefined {
  const { stem, stopWords } = GRAMMARS[language];
  if (stopWords.has(word)) return undefined;
  const term = cut(stem(word));
  return stopWords.has(term) ? undefined : term;
}

/**
 * The terms of a memory's content, as {@link analyse} gives them. A leading `Name: ` that repeats the speaker, in
 * whatever case, is left out: a name in each of a speaker's memories tells none of them from the others.
 */
export function analyseMemory(
  memory: { content: string; speaker?: string | null },
  language: Language = DEFAULT_LANGUAGE,
): string[] {
  return analyse(withoutSpeaker(memory.content, memory.speaker?.trim() ?? ''), language);
}

function withoutSpeaker(content: string, speaker: string): string {
  if (speaker === '') return content;
  const said = content.trimStart();
  const rest = said.slice(speaker.length + 1);
  const begins = said.slice(0, speaker.length + 1).toLowerCase() === `${speaker.toLowerCase()}:`;
  // A space must follow: in "db:5432 is down" nobody speaks.
  return begins && /^(?:\s|$)/.test(rest) ? rest : content;
}

/** Reads a text token by token; the runs of unspaced scripts are read here, since every reader wants them alike. */
function scan(text: string, read: (token: string) => readonly string[]): string[] {
  const found: string[] = [];
  // Splitting at a captured group leaves the runs at the odd places.
  for (const [place, stretch] of text.normalize('NFKC').split(UNSPACED_RUN).entries()) {
    const isRun = place % 2 === 1;
    if (isRun) for (const pair of pairsOfCharacters(stretch)) found.push(pair);
    else for (const token of stretch.match(TOKEN) ?? []) for (const item of read(token)) found.push(item);
  }
  return found;
}

function pairsOfCharacters(run: string): string[] {
  const characters = Array.from(run);
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, before) => `${characters[before]}${character}`);
}

function wordsOfToken(token: string): string[] {
  const parts = token.split(JOINT).map(bareWord);
  return (parts.length === 1 ? parts : [...parts, closeUp(parts)]).map(cut);
}

function bareWord(part: string): string {
  const word = part.toLowerCase().replaceAll('’', "'");
  if (!word.includes("'")) return word;
  return CONTRACTIONS.get(word) ?? word.replace(CONTRACTED_ENDING, '').replaceAll("'", '');
}

function closeUp(parts: readonly string[]): string {
  const digitsMeet = (before: string, after: string) => /\p{N}$/u.test(before) && /^\p{N}/u.test(after);
  return parts.map((part, i) => (digitsMeet(parts[i - 1] ?? '', part) ? `.${part}` : part)).join('');
}

function cut(word: string): string {
  if (word.length <= MAX_TERM_LENGTH) return word;
  const start = word.slice(0, MAX_TERM_LENGTH);
  // Half a surrogate pair would be no valid UTF-8.
  return start.isWellFormed() ? start : start.slice(0, -1);
}

/**
 * Terms of tokens met before. Texts repeat and share their words, and looking one up is several times as fast as stemming
 * it. Longer tokens stay out: from 13 characters on, V8 cuts a string by reference, so one key would keep the whole text
 * that it came from in memory.
 */
const knownTokens = new Map<Language, Map<string, readonly string[]>>();
const KNOWN_TOKENS = 20_000;
const KNOWN_TOKEN_LENGTH = 12;

function knownTokensOf(language: Language): Map<string, readonly string[]> {
  let known = knownTokens.get(language);
  if (!known) knownTokens.set(language, (known = new Map()));
  return known;
}

function termsOfToken(token: string, language: Language, knownOnes: Map<string, readonly string[]>): readonly string[] {
  const known = knownOnes.get(token);
  if (known !== undefined) return known;
  const terms = wordsOfToken(token).flatMap((word) => termOf(word, language) ?? []);
  if (token.length <= KNOWN_TOKEN_LENGTH) {
    if (knownOnes.size >= KNOWN_TOKENS) knownOnes.clear();
    knownOnes.set(token, terms);
  }
  return terms;
}
