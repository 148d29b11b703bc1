import type { Unit } from '#platform';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { nearest, type Near } from '../vectors/nearest.js';
import {
  lexicalCandidates,
  memoriesAround,
  memoriesOfSessions,
  type Anchor,
  type LexicalSearch,
  type SessionRef,
} from './recall.repository.js';
import type { Passage } from './recipe.js';

/** Where recall finds memories by their words, their meaning and their sessions: only what the caller may read, and what is shown of it. */
export interface Texts {
  holding: (terms: readonly string[]) => LexicalSearch | Promise<LexicalSearch>;
  /** Of each session a run, in the order of writing. */
  ofSessions: (sessions: readonly SessionRef[]) => Passage[][] | Promise<Passage[][]>;
  around: (anchors: readonly Anchor[]) => Passage[][] | Promise<Passage[][]>;
  /** By the meaning of the question, the nearest first; none where it has no vector. */
  nearest: () => Near[] | Promise<Near[]>;
}

/** As the database has them. */
export const storedTexts = (
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[] | null,
): Texts => ({
  holding: (terms) => lexicalCandidates(unit, scope, filter, terms),
  ofSessions: async (sessions) => runsOf(sessions, await memoriesOfSessions(unit, scope, filter, sessions)),
  around: (anchors) => memoriesAround(unit, scope, filter, anchors),
  nearest: async () => {
    const found = vector ? await nearest(unit, scope, filter, vector) : [];
    return found.map((passage) => ({ passage, cosine: passage.cosine }));
  },
});

function runsOf(sessions: readonly SessionRef[], passages: readonly Passage[]): Passage[][] {
  const nameOf = ({ poolId, sessionId }: Pick<Passage, 'poolId' | 'sessionId'>) => `${poolId}/${sessionId}`;
  const runs = new Map(sessions.map((session) => [nameOf(session), [] as Passage[]]));
  for (const passage of passages) runs.get(nameOf(passage))?.push(passage);
  return [...runs.values()];
}
