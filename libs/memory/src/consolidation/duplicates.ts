import type { ToldApart } from '#access';
import { repeats, subjectOf } from '../recall/near-duplicates.js';
import { audienceKey } from './audience.js';
import { isKeptAsWritten, type Held, type PlannedChange } from './consolidation.js';

/** A memory with the terms of its content. */
export interface Read {
  memory: Held;
  terms: readonly string[];
}

/** Others wait for the process meanwhile: after so many it pauses. */
const AT_ONCE = 500;
/** A term that so many of the kept hold finds too many to compare. */
const MOST_COMPARED = 200;

interface Kept extends Read {
  repeated: Held[];
}

/**
 * Memories that say the same as another that stays: the one that says more, or else the older one. What happened twice happened
 * twice, so episodes are compared within their session; and nobody is left without: a memory gives way only to one of the same
 * importance, labels and audience.
 */
export async function findDuplicates(
  reads: readonly Read[],
  told: ToldApart,
  pause: () => Promise<unknown>,
): Promise<PlannedChange[]> {
  const frequency = new Map<string, number>();
  for (const { terms } of reads) for (const term of terms) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  const longestFirst = reads.filter(({ terms }) => terms.length > 0).sort((a, b) => b.terms.length - a.terms.length);
  const bySubject = new Map<string, Map<string, Kept[]>>();
  const kept: Kept[] = [];
  for (const [place, read] of longestFirst.entries()) {
    if (place % AT_ONCE === AT_ONCE - 1) await pause();
    const holders = entryOf(bySubject, subjectKey(read.memory, told), () => new Map<string, Kept[]>());
    // A text that is repeated holds all terms of the repeating one, so the rarest of them is enough to find it by.
    const rarest = read.terms.reduce((a, b) => ((frequency.get(b) ?? 0) < (frequency.get(a) ?? 0) ? b : a));
    const alike = isKeptAsWritten(read.memory) ? [] : (holders.get(rarest)?.slice(0, MOST_COMPARED) ?? []);
    const better = alike.find((one) => repeats(one.terms, read.terms));
    if (better) {
      better.repeated.push(read.memory);
      continue;
    }
    const stays = { ...read, repeated: [] };
    kept.push(stays);
    for (const term of new Set(read.terms)) entryOf(holders, term, () => []).push(stays);
  }
  return kept.flatMap(({ memory, repeated }) => (repeated.length === 0 ? [] : [merged(memory, repeated)]));
}

function merged(stays: Held, repeated: readonly Held[]): PlannedChange {
  const after = { id: stays.id, version: stays.version };
  return { kind: 'MERGED', memories: repeated, after, weights: null, reason: 'says the same as the one that stays' };
}

function subjectKey(memory: Held, told: ToldApart): string {
  const session = memory.type === 'EPISODIC' ? memory.sessionId : null;
  const { importance, expiresAt, validTo } = memory;
  // Whoever looks for a label finds it on the one that stays, too.
  const marks = [importance, [...memory.labels].sort(), expiresAt, validTo];
  return JSON.stringify([subjectOf(memory), session, marks, audienceKey(memory, told)]);
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
