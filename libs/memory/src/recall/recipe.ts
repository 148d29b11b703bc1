import { closeness, type DayRange } from './days.js';
import { names, TELLS_PLACE, TELLS_TIME } from './traits.js';

/**
 * What each signal may add to the score of a memory's own words, which is about 1 where it holds all of the question's.
 * Found on the first halves of four sets of questions and checked on the second; see docs/RECALL.md.
 */
export const WEIGHTS = {
  meaning: 1,
  speaker: 0.4,
  neighbours: 0.3,
  session: 0.3,
  date: 0.3,
  time: 0.15,
  place: 0.1,
} as const;

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
}

/** What the question asks, beside its words. */
export interface Asked {
  /** Its words as they were written, in lower case: they may be a speaker's name. */
  readonly words: ReadonlySet<string>;
  readonly days: readonly DayRange[];
  readonly trait: number;
}

export interface Evidence {
  /** Of the memory's own words: lexical-score. */
  readonly lexical: ReadonlyMap<string, number>;
  /** 0 to 1, of those that the vectors found. */
  readonly meaning: ReadonlyMap<string, number>;
  /** Of a whole session, by its key. */
  readonly sessions: ReadonlyMap<string, number>;
}

/** What each signal adds to a memory's score. */
export interface Parts {
  lexical: number;
  meaning: number;
  neighbours: number;
  session: number;
  speaker: number;
  date: number;
  /** For a time where the question asks when, for a place where it asks where. */
  cue: number;
}

export interface Scored {
  passage: Passage;
  parts: Parts;
  /** The sum of the parts. */
  sum: number;
  /** Of the least of the found the meaning adds nothing, and it was found all the same. */
  isNear: boolean;
}

export const sessionKey = ({ poolId, sessionId }: { poolId: string; sessionId: string | null }): string | null =>
  sessionId === null ? null : `${poolId}/${sessionId}`;

/**
 * How well each memory answers, by its own words and meaning, its neighbours', its session's, its speaker and its date.
 * @param passages those found and those beside them
 * @param runs those of them that follow one another in a session, in the order of writing
 */
export function score(
  passages: readonly Passage[],
  runs: readonly (readonly Passage[])[],
  asked: Asked,
  evidence: Evidence,
): Scored[] {
  const own = (id: string) => (evidence.lexical.get(id) ?? 0) + WEIGHTS.meaning * (evidence.meaning.get(id) ?? 0);
  const nearby = neighbours(runs, own);
  const named = namedSpeakers(passages, asked.words);
  const isNamed = ({ speaker }: Passage) => speaker !== null && named.has(speaker);
  // Where all that there are were named they tell no memory from another.
  const tells = !passages.every(isNamed);
  return passages.map((passage) => {
    const { id, day, length, traits } = passage;
    const need = needOfContext(length);
    const parts: Parts = {
      lexical: evidence.lexical.get(id) ?? 0,
      meaning: WEIGHTS.meaning * (evidence.meaning.get(id) ?? 0),
      neighbours: WEIGHTS.neighbours * need * (nearby.get(id) ?? 0),
      session: WEIGHTS.session * need * (evidence.sessions.get(sessionKey(passage) ?? '') ?? 0),
      speaker: tells && isNamed(passage) ? WEIGHTS.speaker : 0,
      date: asked.days.length > 0 ? WEIGHTS.date * closeness(day, asked.days) : 0,
      cue: cue(traits & asked.trait),
    };
    return { passage, parts, sum: sumOf(parts), isNear: evidence.meaning.has(id) };
  });
}

/**
 * min(1, n/5) · min(1, 30/n): a few words ("Yes, me too!") say nothing even beside the answer, and a long text stands for
 * itself.
 */
export const needOfContext = (length: number): number =>
  Math.min(1, length / 5) * Math.min(1, 30 / Math.max(1, length));

/** Σ over distances d up to {@link REACH} of e^(−d/2) · (own(m − d) + own(m + d)), within a run. */
export function neighbours(runs: readonly (readonly Passage[])[], own: (id: string) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const run of runs) {
    const values = run.map(({ id }) => own(id));
    const found = values.flatMap((value, place) => (value > 0 ? [place] : []));
    for (const place of found) {
      for (let distance = 1; distance <= REACH; distance++) {
        for (const beside of [place - distance, place + distance]) {
          const passage = run[beside];
          if (!passage) continue;
          const added = (DECAY[distance] as number) * (values[place] as number);
          sums.set(passage.id, (sums.get(passage.id) ?? 0) + added);
        }
      }
    }
  }
  return sums;
}

/** The speakers that the words name, by any part of their names. */
export function namedSpeakers(passages: readonly Passage[], words: ReadonlySet<string>): Set<string> {
  const speakers = new Set(passages.flatMap(({ speaker }) => speaker ?? []));
  return new Set([...speakers].filter((speaker) => names(words, speaker)));
}

const cue = (trait: number): number => (trait & TELLS_TIME ? WEIGHTS.time : trait & TELLS_PLACE ? WEIGHTS.place : 0);

const sumOf = ({ lexical, meaning, neighbours, session, speaker, date, cue }: Parts): number =>
  lexical + meaning + neighbours + session + speaker + date + cue;
