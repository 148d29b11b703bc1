import type { MemoryRow } from '#access';
import { closeness, type DayRange } from './days.js';
import { ASKS, names, TELLS_PLACE, TELLS_TIME } from './traits.js';

/**
 * What each signal may add to the score of a memory's own words, which is about 1 where it holds all of the question's.
 * Found on the first halves of four sets of questions and checked on the second, but for `answer`, found on one; see docs/RECALL.md.
 */
export const WEIGHTS = {
  meaning: 1,
  speaker: 0.4,
  neighbours: 0.3,
  answer: 0.7,
  session: 0.3,
  date: 0.3,
  time: 0.15,
  place: 0.1,
} as const;

/** Terms of a text that is no more than a question; in conversations half of them have up to nine. */
const ASKED_IN = 15;

/** People write on in several messages: what is asked in so many at the end of one turn is answered in so many of the next. */
const OF_TURN = 3;

/** How far a neighbour may be, counted in memories of the session. */
export const REACH = 8;
const DECAY = Array.from({ length: REACH + 1 }, (_, distance) => Math.exp(-distance / 2));

/** What the recipe reads of a memory, as the caller is shown it. */
export interface Passage {
  readonly id: string;
  readonly poolId: string;
  /** Null where it belongs to none. */
  readonly sessionId: string | null;
  readonly speaker: string | null;
  /** Of validFrom, or else of createdAt; in days since 1970. */
  readonly day: number;
  /** In terms. */
  readonly length: number;
  readonly traits: number;
  /** Whether it passes the caller's filter. Those that do not still stand beside those that do. */
  readonly wanted: boolean;
  /** All that decides over it, where its pool is kept in memory. */
  readonly known?: MemoryRow | undefined;
  /** Its number in its pool, where that is kept in memory: of one search no other memory of the pool has it. */
  readonly number?: number | undefined;
}

/** What the question asks, beside its words. */
export interface Asked {
  /** Its words as they were written, in lower case: they may be a speaker's name. */
  readonly words: ReadonlySet<string>;
  readonly days: readonly DayRange[];
  readonly trait: number;
}

/** What was found of some passages, by their places in the list of them. */
export interface Evidence {
  /** Of the memory's own words: lexical-score. */
  readonly lexical: ArrayLike<number>;
  /** 0 to 1, of those that the vectors found. */
  readonly meaning: ArrayLike<number>;
  /** Places that follow one another in a session, in the order of writing. */
  readonly runs: readonly (readonly number[])[];
  /** The number of the passage's session; -1 where it belongs to none. */
  readonly sessionOf: ArrayLike<number>;
  /** Of a whole session, by its number. */
  readonly sessions: ArrayLike<number>;
}

/** What each signal adds to a memory's score. */
export interface Parts {
  lexical: number;
  meaning: number;
  neighbours: number;
  answer: number;
  session: number;
  speaker: number;
  date: number;
  /** For a time where the question asks when, for a place where it asks where. */
  cue: number;
}

export interface Scores {
  readonly passages: readonly Passage[];
  /** Of each passage, all that its signals add. */
  readonly sums: Float64Array;
  readonly evidence: Pick<Evidence, 'lexical' | 'meaning'>;
  /** What each of them adds. Few are ever asked for it. */
  readonly partsOf: (place: number) => Parts;
}

/** How well each passage answers, by its own words and meaning, its neighbours', its session's, its speaker and its date. */
export function score(passages: readonly Passage[], asked: Asked, evidence: Evidence): Scores {
  const own = (place: number) =>
    (evidence.lexical[place] as number) + WEIGHTS.meaning * (evidence.meaning[place] as number);
  const nearby = neighbours(evidence.runs, own, passages.length);
  const answered = answers(evidence.runs, own, passages);
  const named = namedSpeakers(passages, asked.words);
  const isNamed = ({ speaker }: Passage) => speaker !== null && named.has(speaker);
  // Where all that there are were named they tell no memory from another.
  const tells = named.size > 0 && !passages.every(isNamed);
  const partsOf = (place: number): Parts => {
    const passage = passages[place] as Passage;
    const need = needOfContext(passage.length);
    const session = evidence.sessionOf[place] as number;
    return {
      lexical: evidence.lexical[place] as number,
      meaning: WEIGHTS.meaning * (evidence.meaning[place] as number),
      neighbours: WEIGHTS.neighbours * need * (nearby[place] as number),
      answer: WEIGHTS.answer * need * (answered[place] as number),
      session: session < 0 ? 0 : WEIGHTS.session * need * (evidence.sessions[session] as number),
      speaker: tells && isNamed(passage) ? WEIGHTS.speaker : 0,
      date: asked.days.length > 0 ? WEIGHTS.date * closeness(passage.day, asked.days) : 0,
      cue: cue(passage.traits & asked.trait),
    };
  };
  const sums = new Float64Array(passages.length);
  for (let place = 0; place < sums.length; place++) sums[place] = sumOf(partsOf(place));
  return { passages, evidence, sums, partsOf };
}

/**
 * min(1, n/5) · min(1, 30/n): a few words ("Yes, me too!") say nothing even beside the answer, and a long text stands for
 * itself.
 */
export const needOfContext = (length: number): number =>
  Math.min(1, length / 5) * Math.min(1, 30 / Math.max(1, length));

/**
 * Σ over distances d up to {@link REACH} of e^(−d/2) · (own(m − d) + own(m + d)), within a run of places.
 * @returns of each of so many places
 */
export function neighbours(
  runs: readonly (readonly number[])[],
  own: (place: number) => number,
  places: number,
): Float64Array {
  const sums = new Float64Array(places);
  for (const run of runs) {
    for (let at = 0; at < run.length; at++) {
      const value = own(run[at] as number);
      if (value === 0) continue;
      for (let distance = 1; distance <= REACH; distance++) {
        const added = (DECAY[distance] as number) * value;
        const [before, after] = [run[at - distance], run[at + distance]];
        if (before !== undefined) sums[before] = (sums[before] as number) + added;
        if (after !== undefined) sums[after] = (sums[after] as number) + added;
      }
    }
  }
  return sums;
}

/**
 * What was asked right before, where somebody else answers: "Last May." says nothing, and the question before it holds all of the
 * words. It takes the question's own score, by how much of that memory is the question.
 * @returns of each passage
 */
export function answers(
  runs: readonly (readonly number[])[],
  own: (place: number) => number,
  passages: readonly Passage[],
): Float64Array {
  const sums = new Float64Array(passages.length);
  const asked = (place: number) => asking(passages[place] as Passage) * own(place);
  for (const run of runs) {
    let [began, before] = [0, 0];
    for (let at = 1; at < run.length; at++) {
      const place = run[at] as number;
      if (!isOneTurn(passages[run[at - 1] as number] as Passage, passages[place] as Passage)) {
        before = 0;
        for (let last = Math.max(began, at - OF_TURN); last < at; last++)
          before = Math.max(before, asked(run[last] as number));
        began = at;
      }
      if (at - began < OF_TURN) sums[place] = before;
    }
  }
  return sums;
}

/** Who is not named may be anybody. */
const isOneTurn = (before: Passage, { speaker }: Passage): boolean => speaker !== null && speaker === before.speaker;

/** How much of a memory is the question, from 0 to 1: whoever tells a long story and asks for advice has told something. */
export const asking = ({ traits, length }: Pick<Passage, 'traits' | 'length'>): number =>
  traits & ASKS ? Math.min(1, (ASKED_IN / length) ** 2) : 0;

/** The speakers that the words name, by any part of their names. */
export function namedSpeakers(passages: readonly Passage[], words: ReadonlySet<string>): Set<string> {
  const speakers = new Set<string>();
  for (const { speaker } of passages) if (speaker !== null) speakers.add(speaker);
  for (const speaker of speakers) if (!names(words, speaker)) speakers.delete(speaker);
  return speakers;
}

const cue = (trait: number): number => (trait & TELLS_TIME ? WEIGHTS.time : trait & TELLS_PLACE ? WEIGHTS.place : 0);

const sumOf = ({ lexical, meaning, neighbours, answer, session, speaker, date, cue }: Parts): number =>
  lexical + meaning + neighbours + answer + session + speaker + date + cue;
