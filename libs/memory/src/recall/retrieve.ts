import type { Language } from '#access';
import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import type { Near } from '../vectors/nearest.js';
import { AskedTerms } from './asked-terms.js';
import { dayOf, daysNamed } from './days.js';
import { Sorted, type InOrder } from './in-order.js';
import { lexicalScores, SESSION_SHAPE } from './lexical-score.js';
import { searchThen } from './past.js';
import { Places, Sessions } from './places.js';
import type { Query } from './query.js';
import { MAX_OF_SESSION, type Anchor, type LexicalSearch } from './recall.repository.js';
import { namedSpeakers, score, type Passage, type Scores } from './recipe.js';
import { storedTexts, type Texts } from './texts.js';

/** Of these best by their own words and meaning the sessions are read too. */
const MAX_ANCHORS = 300;
const MAX_SESSIONS = 20;
/** In sessions too long to be read whole. */
const MAX_WINDOWS = 40;

export interface Searched {
  scope: ReadScope;
  filter: MemoryFilter;
  languageOf: (poolId: string) => Language;
  /** Where the pools' words are kept in memory; elsewhere the database is asked. */
  kept?: Texts;
}

export interface Retrieved {
  scores: Scores;
  /** The places of what the vectors found. */
  near: ReadonlySet<number>;
  /** What could not be looked at: CANDIDATES. */
  degraded: string[];
}

/** What may answer the question, with what each signal says of it. `vector` is the question's, where there is one. */
export async function retrieve(
  unit: Unit,
  { scope, filter, languageOf, kept }: Searched,
  query: Query,
  vector: readonly number[] | null,
): Promise<Retrieved> {
  const reads = scope.filter.poolIds.length > 0;
  const texts = kept ?? storedTexts(unit, scope, filter, vector);
  const words = new AskedTerms(query.text, [...new Set(scope.filter.poolIds.map(languageOf))]);
  const [now, close] = await Promise.all([
    reads && words.searched.length ? texts.holding(words.searched) : NOTHING_FOUND,
    reads ? texts.nearest() : [],
  ]);
  const then = await searchThen(unit, scope, { filter, terms: words.searched, languageOf }, now);
  const search = words.taken(then, languageOf);
  const terms = withoutSpeakers(words, query, search.passages);
  const places = new Places();
  const sessions = new Sessions();
  const lexical = lexicalScores(terms, search, search);
  const rowsSessions = new Int32Array(search.passages.length);
  for (let row = 0; row < rowsSessions.length; row++) {
    const passage = search.passages[row] as Passage;
    const session = sessions.of(passage);
    rowsSessions[row] = session;
    const worth = lexical[row] as number;
    if (worth > 0) places.lexical[places.of(passage, session)] = worth;
  }
  const counted = sessions.size;
  takeMeaning(places, sessions, close);
  const runs = await readSessions(texts, sessions, places);
  const beside = runs.map(({ session, run }) => run.map((passage) => places.of(passage, session)));
  const { passages } = places;
  const newest = passages.reduce((day, passage) => Math.max(day, passage.day), 0);
  const days = daysNamed(query.text, { newest, today: dayOf(scope.now) });
  const scores = score(
    passages,
    { words: query.words, days, trait: query.trait },
    {
      lexical: places.lexical,
      meaning: places.meaning,
      runs: beside,
      sessionOf: places.sessionOf,
      sessions: sessionScores(terms, { search, rowsSessions }, runs, { size: sessions.size, counted }),
    },
  );
  return { scores, near: places.near, degraded: search.cut ? ['CANDIDATES'] : [] };
}

const NOTHING_FOUND: LexicalSearch = {
  passages: [],
  terms: [],
  lengths: [],
  counts: [],
  documents: 0,
  documentFrequencies: null,
  cut: false,
};

/** A speaker's name finds what is said about them; what they said themselves the recipe finds by its speaker. */
function withoutSpeakers(asked: AskedTerms, { words }: Query, passages: readonly Passage[]): readonly string[] {
  const named = new Set([...namedSpeakers(passages, words)].flatMap((speaker) => asked.of(speaker)));
  const rest = asked.terms.filter((term) => !named.has(term));
  return rest.length > 0 ? rest : asked.terms;
}

/** Cosines of the found, from 0 for the least to 1: models differ in where theirs lie. */
function takeMeaning(places: Places, sessions: Sessions, found: readonly Near[]): void {
  const cosines = found.map(({ cosine }) => cosine);
  const [least, most] = [Math.min(...cosines), Math.max(...cosines)];
  for (const { passage, cosine } of found) {
    const place = places.of(passage, sessions.of(passage));
    places.near.add(place);
    places.meaning[place] = most > least ? (cosine - least) / (most - least) : 1;
  }
}

/** Those in sessions, the best by their own words and meaning first; of equals the older, in whatever order they were found. */
function anchorsIn({ passages, sessionOf, lexical, meaning }: Places): InOrder<number> {
  const worth = (place: number) => (lexical[place] as number) + (meaning[place] as number);
  const inSession: number[] = [];
  for (let place = 0; place < sessionOf.length; place++) if ((sessionOf[place] as number) >= 0) inSession.push(place);
  const idOf = (place: number) => (passages[place] as Passage).id;
  return new Sorted(inSession, (a, b) => worth(b) - worth(a) || (idOf(a) < idOf(b) ? -1 : 1));
}

/** Memories that follow one another in their session. */
interface Run {
  session: number;
  run: Passage[];
}

/** Runs with the best of {@link MAX_ANCHORS} anchors among them. */
async function readSessions(texts: Texts, sessions: Sessions, places: Places): Promise<Run[]> {
  const anchors = anchorsIn(places);
  const wanted = new Map<number, Anchor>();
  for (let nth = 0; nth < MAX_ANCHORS && wanted.size < MAX_SESSIONS; nth++) {
    const place = anchors.at(nth);
    if (place === undefined) break;
    const session = places.sessionOf[place] as number;
    if (!wanted.has(session)) wanted.set(session, places.passages[place] as Anchor);
  }
  if (wanted.size === 0) return [];
  const read = await texts.ofSessions([...wanted.values()]);
  const runs = [...wanted.keys()].map((session, nth): Run => ({ session, run: read[nth] as Passage[] }));
  const long = new Set(runs.filter(({ run }) => run.length >= MAX_OF_SESSION).map(({ session }) => session));
  if (long.size === 0) return runs;
  const far = anchorsOf(long, anchors, places);
  const looked = new Set(far.map((anchor) => sessions.of(anchor)));
  const windows = joined(await texts.around(far));
  const around = windows.map((run): Run => ({ session: sessions.of(run[0] as Passage), run }));
  return [...runs.filter(({ session }) => !looked.has(session)), ...around];
}

/** The first of the anchors that are in these sessions. */
function anchorsOf(wanted: ReadonlySet<number>, anchors: InOrder<number>, { passages, sessionOf }: Places): Anchor[] {
  const found: Anchor[] = [];
  for (let nth = 0; nth < MAX_ANCHORS && found.length < MAX_WINDOWS; nth++) {
    const place = anchors.at(nth);
    if (place === undefined) break;
    if (wanted.has(sessionOf[place] as number)) found.push(passages[place] as Anchor);
  }
  return found;
}

/** Windows of one session that overlap become one run. */
export function joined(windows: readonly (readonly Passage[])[]): Passage[][] {
  const runs: Passage[][] = [];
  const inOrder = windows.map((window) => [...window].sort(inOrderOfWriting)).sort(([a], [b]) => bySessionThenId(a, b));
  for (const window of inOrder) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const first = window[0];
    const overlaps = last && first && isOneSession(last, first) && first.id <= last.id;
    if (overlaps) run?.push(...window.filter(({ id }) => id > last.id));
    else runs.push(window);
  }
  return runs;
}

const inOrderOfWriting = (a: Passage, b: Passage): number => (a.id < b.id ? -1 : 1);
const isOneSession = (a: Passage, b: Passage) => a.poolId === b.poolId && a.sessionId === b.sessionId;
const bySessionThenId = (a: Passage | undefined, b: Passage | undefined): number => {
  const [keyA, keyB] = [a, b].map((one) => `${one?.poolId}/${one?.sessionId}/${one?.id}`) as [string, string];
  return keyA < keyB ? -1 : 1;
};

/**
 * Of each session with a memory that was found, as of one long text. How many sessions there are is counted among those:
 * counting all took longer than the search, and moved recall@10 by 0.02 points.
 */
function sessionScores(
  asked: readonly string[],
  { search: { terms, counts }, rowsSessions }: { search: LexicalSearch; rowsSessions: Int32Array },
  read: readonly Run[],
  { size, counted }: { size: number; counted: number },
): Float64Array {
  const lengths = new Float64Array(size);
  for (const { session, run } of read)
    for (const { length } of run) lengths[session] = (lengths[session] as number) + length;
  const width = terms.length;
  const sums = new Float64Array(size * width);
  rowsSessions.forEach((session, row) => {
    if (session < 0) return;
    for (let at = 0; at < width; at++)
      sums[session * width + at] = (sums[session * width + at] as number) + (counts[row * width + at] as number);
  });
  return lexicalScores(asked, { documents: counted }, { terms, lengths, counts: sums }, SESSION_SHAPE);
}
