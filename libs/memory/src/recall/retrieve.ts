import type { Language } from '#access';
import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { nearest } from '../vectors/nearest.js';
import type { Nearest } from '../vectors/nearest.repository.js';
import { AskedTerms } from './asked-terms.js';
import { dayOf, daysNamed } from './days.js';
import { lexicalScores, SESSION_SHAPE, type Candidate } from './lexical-score.js';
import { searchThen } from './past.js';
import type { Query } from './query.js';
import { MAX_OF_SESSION, type Anchor, type LexicalCandidate, type LexicalSearch } from './recall.repository.js';
import { namedSpeakers, score, sessionKey, type Passage, type Scored } from './recipe.js';
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
  scored: Scored[];
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
  if (scope.filter.poolIds.length === 0) return { scored: [], degraded: [] };
  const texts = kept ?? storedTexts(unit, scope, filter);
  const words = new AskedTerms(query.text, [...new Set(scope.filter.poolIds.map(languageOf))]);
  const [now, near] = await Promise.all([
    words.searched.length ? texts.holding(words.searched) : NOTHING_FOUND,
    vector ? nearest(unit, scope, filter, vector) : [],
  ]);
  const then = await searchThen(unit, scope, { filter, terms: words.searched, languageOf }, now);
  const search = words.taken(then, languageOf);
  const terms = withoutSpeakers(words, query, search.candidates);
  const lexical = scoresOf(lexicalScores({ terms }, search, search.candidates));
  const meaning = minmax(near);
  const found = distinct([...search.candidates.filter(({ id }) => lexical.has(id)), ...near]);
  const anchors = best(found, ({ id }) => (lexical.get(id) ?? 0) + (meaning.get(id) ?? 0));
  const beside = await readSessions(texts, anchors);
  const passages = distinct([...found, ...beside.flat()]);
  const newest = passages.reduce((day, passage) => Math.max(day, passage.day), 0);
  const days = daysNamed(query.text, { newest, today: dayOf(scope.now) });
  const sessions = sessionScores(terms, search.candidates, beside);
  const asked = { words: query.words, days, trait: query.trait };
  return {
    scored: score(passages, beside, asked, { lexical, meaning, sessions }),
    degraded: search.cut ? ['CANDIDATES'] : [],
  };
}

const NOTHING_FOUND: LexicalSearch = { candidates: [], documents: 0, documentFrequencies: null, cut: false };

/** A speaker's name finds what is said about them; what they said themselves the recipe finds by its speaker. */
function withoutSpeakers(asked: AskedTerms, { words }: Query, candidates: readonly Passage[]): readonly string[] {
  const named = new Set([...namedSpeakers(candidates, words)].flatMap((speaker) => asked.of(speaker)));
  const rest = asked.terms.filter((term) => !named.has(term));
  return rest.length > 0 ? rest : asked.terms;
}

const scoresOf = (scores: ReadonlyMap<string, { score: number }>): Map<string, number> =>
  new Map([...scores].map(([id, { score }]) => [id, score]));

/** Cosines of the found, from 0 for the least to 1: models differ in where theirs lie. */
function minmax(near: readonly Nearest[]): Map<string, number> {
  const cosines = near.map(({ cosine }) => cosine);
  const [least, most] = [Math.min(...cosines), Math.max(...cosines)];
  return new Map(near.map(({ id, cosine }) => [id, most > least ? (cosine - least) / (most - least) : 1]));
}

function distinct(passages: readonly Passage[]): Passage[] {
  return [...new Map(passages.map((passage) => [passage.id, passage])).values()];
}

function best(passages: readonly Passage[], value: (passage: Passage) => number): Anchor[] {
  const inSession = passages.flatMap((passage): [Anchor, number][] =>
    passage.sessionId === null ? [] : [[passage as Anchor, value(passage)]],
  );
  inSession.sort(([, a], [, b]) => b - a);
  return inSession.slice(0, MAX_ANCHORS).map(([anchor]) => anchor);
}

/** Runs of memories that follow one another in their sessions, with the anchors among them. */
async function readSessions(texts: Texts, anchors: readonly Anchor[]): Promise<Passage[][]> {
  const sessions = [...new Map(anchors.map((anchor) => [sessionKey(anchor), anchor])).values()].slice(0, MAX_SESSIONS);
  if (sessions.length === 0) return [];
  const runs = bySession(await texts.ofSessions(sessions));
  const isLong = ({ poolId, sessionId }: Anchor) => (runs.get(`${poolId}/${sessionId}`)?.length ?? 0) >= MAX_OF_SESSION;
  const far = anchors.filter(isLong).slice(0, MAX_WINDOWS);
  if (far.length === 0) return [...runs.values()];
  for (const anchor of far) runs.delete(sessionKey(anchor) as string);
  return [...runs.values(), ...joined(await texts.around(far))];
}

function bySession(passages: readonly Passage[]): Map<string, Passage[]> {
  const runs = new Map<string, Passage[]>();
  for (const passage of passages) {
    const key = sessionKey(passage) as string;
    const run = runs.get(key);
    if (run) run.push(passage);
    else runs.set(key, [passage]);
  }
  return runs;
}

/** Windows of one session that overlap become one run. */
export function joined(windows: readonly (readonly Passage[])[]): Passage[][] {
  const runs: Passage[][] = [];
  const inOrder = windows.map((window) => [...window].sort(inOrderOfWriting)).sort(([a], [b]) => bySessionThenId(a, b));
  for (const window of inOrder) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const first = window[0];
    const overlaps = last && first && sessionKey(last) === sessionKey(first) && first.id <= last.id;
    if (overlaps) run?.push(...window.filter(({ id }) => id > last.id));
    else runs.push(window);
  }
  return runs;
}

const inOrderOfWriting = (a: Passage, b: Passage): number => (a.id < b.id ? -1 : 1);
const bySessionThenId = (a: Passage | undefined, b: Passage | undefined): number => {
  const [keyA, keyB] = [`${sessionKey(a as Passage)}/${a?.id}`, `${sessionKey(b as Passage)}/${b?.id}`];
  return keyA < keyB ? -1 : 1;
};

/**
 * Of each session with a memory that was found, as of one long text. How many sessions there are is counted among those:
 * counting all took longer than the search, and moved recall@10 by 0.02 points.
 */
function sessionScores(
  terms: readonly string[],
  candidates: readonly LexicalCandidate[],
  read: readonly (readonly Passage[])[],
): Map<string, number> {
  const lengths = new Map<string, number>();
  for (const run of read) {
    const key = sessionKey(run[0] as Passage) as string;
    lengths.set(
      key,
      run.reduce((sum, { length }) => sum + length, lengths.get(key) ?? 0),
    );
  }
  const wanted = new Set(terms);
  const frequencies = new Map<string, Map<string, number>>();
  for (const candidate of candidates) {
    const key = sessionKey(candidate);
    if (key === null) continue;
    let ofSession = frequencies.get(key);
    if (!ofSession) frequencies.set(key, (ofSession = new Map()));
    candidate.terms.forEach((term, at) => {
      if (wanted.has(term)) ofSession.set(term, (ofSession.get(term) ?? 0) + (candidate.frequencies[at] as number));
    });
  }
  const sessions = [...frequencies].map(([id, counts]): Candidate => ({
    id,
    length: lengths.get(id) ?? 0,
    terms: [...counts.keys()],
    frequencies: [...counts.values()],
  }));
  return scoresOf(lexicalScores({ terms }, { documents: sessions.length }, sessions, SESSION_SHAPE));
}
