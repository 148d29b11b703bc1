import { randomBytes } from 'node:crypto';
import type { ToldApart } from '#access';
import { audienceKey, identityKey } from './audience.js';
import { ageOf, isKeptAsWritten, type Held, type PlannedChange } from './consolidation.js';

/**
 * Of a session, so many memories that follow one another become one summary: short ones more, until it says enough. Of four each time
 * as many were left (28 %), and a recall found less in as much text as ten hits had before: 71.1 instead of 74.2 %.
 */
const LEAST = 3;
const MOST = 6;
/** In characters together. */
const ENOUGH = 300;
/** What is long by itself needs no others beside it. */
const WINDOW_SIZE = 6_000;
const LONGEST = 3_000;

/**
 * What is to be summarised: episodes older than that, of one session or else of one entity, alike in all that a policy can tell apart,
 * some at a time in the order of writing. What is HIGH stays as it was written, and so do summaries and promoted copies.
 * @param memories in the order of writing
 */
export function findWindows(
  memories: readonly Held[],
  { now, olderThanDays, told }: { now: Date; olderThanDays: number; told: ToldApart },
): PlannedChange[] {
  const groups = new Map<string, Held[]>();
  for (const memory of memories) {
    if (!isOld(memory, now, olderThanDays) || !mayBeSummarized(memory)) continue;
    const key = identityKey(memory) + audienceKey(memory, told);
    const group = groups.get(key);
    if (group) group.push(memory);
    else groups.set(key, [memory]);
  }
  return [...groups.values()].flatMap(windowsOf).map(toChange);
}

const isOld = (memory: Held, now: Date, olderThanDays: number): boolean => ageOf(memory, now) > olderThanDays;

function mayBeSummarized(memory: Held): boolean {
  const { type, content, sessionId, entityId } = memory;
  // Without a session and an entity nothing says that two notes belong together.
  const belongs = sessionId !== null || entityId !== null;
  return type === 'EPISODIC' && !isKeptAsWritten(memory) && content.length <= LONGEST && belongs;
}

/** What is left at the end goes to those before it, where they are few enough. One alone is no window. */
function windowsOf(group: readonly Held[]): Held[][] {
  const windows: Held[][] = [];
  let window: Held[] = [];
  for (const memory of group) {
    if (isFull(window) || sizeOf([...window, memory]) > WINDOW_SIZE) {
      windows.push(window);
      window = [];
    }
    window.push(memory);
  }
  const before = windows.at(-1);
  if (before && window.length < LEAST && fitsInOne([...before, ...window])) before.push(...window.splice(0));
  return [...windows, window].filter(({ length }) => length > 1);
}

const isFull = (window: readonly Held[]): boolean =>
  window.length === MOST || (window.length >= LEAST && sizeOf(window) >= ENOUGH);

const fitsInOne = (window: readonly Held[]): boolean => window.length <= MOST && sizeOf(window) <= WINDOW_SIZE;

const sizeOf = (memories: readonly Held[]): number => memories.reduce((sum, { content }) => sum + content.length, 0);

function toChange(window: Held[]): PlannedChange {
  const first = window[0] as Held;
  const of = first.sessionId === null ? 'of one entity' : 'of one session';
  return {
    kind: 'SUMMARIZED',
    memories: window,
    after: { id: idBeside(first.id), version: 1 },
    weights: null,
    reason: `episodes ${of} become one`,
  };
}

/** Sorts where the first source does: recall reads a session in the order of its ids, and a list its pool. */
function idBeside(id: string): string {
  return id.slice(0, -RANDOM_DIGITS) + randomBytes(RANDOM_DIGITS / 2).toString('hex');
}
const RANDOM_DIGITS = 10;
