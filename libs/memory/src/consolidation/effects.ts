import type { ToldApart } from '#access';
import type { JsonObject } from '#kernel';
import { isDeepStrictEqual } from 'node:util';
import { LIMITS } from '../input.js';
import { importanceRank } from '../memory.repository.js';
import type { NewSummary, Retired, Weighed } from './apply.repository.js';
import { areAlike, audienceKey, identityKey } from './audience.js';
import type { ChangeKind, Held, RunCounts, StoredChange } from './consolidation.js';
import type { SettledChange } from './lease.repository.js';
import type { Locked } from './snapshot.repository.js';

/** What one step of a plan does by now: to those of its memories that nobody has changed since it was made. */
export interface Effect {
  change: StoredChange;
  memories: Held[];
  summary: NewSummary | null;
  retired: Retired[];
  weighed: Weighed | null;
}

export interface Deciding {
  /** The memories of all changes, as they were locked. */
  held: ReadonlyMap<string, Locked>;
  /** By the policy that is active in the unit. */
  told: ToldApart;
  textOf: (change: StoredChange, sources: readonly Held[]) => string;
}

/** Null where nothing is left to do. */
export function effectOf(change: StoredChange, deciding: Deciding): Effect | null {
  const memories = change.memoryIds.flatMap(
    (id, place) => unchanged(deciding.held.get(id), change.versions[place]) ?? [],
  );
  if (memories.length === 0) return null;
  switch (change.kind) {
    case 'SUMMARIZED':
      return summarized(change, memories, deciding);
    case 'MERGED':
      return givenWay(change, memories, deciding, 'ARCHIVED');
    case 'SUPERSEDED':
      return givenWay(change, memories, deciding, 'SUPERSEDED');
    case 'EXPIRED':
      return effect(change, memories, { retired: memories.map(({ id }) => retire(id, 'ARCHIVED', null)) });
    case 'BOOSTED':
    case 'FADED':
      return weighed(change, memories[0] as Held, deciding.told);
  }
}

const unchanged = (memory: Locked | undefined, version: number | undefined): Locked | undefined =>
  memory?.status === 'ACTIVE' && memory.version === version ? memory : undefined;

function effect(change: StoredChange, memories: Held[], done: Partial<Effect>): Effect {
  return { summary: null, retired: [], weighed: null, ...done, change, memories };
}

const retire = (id: string, status: Retired['status'], successorId: string | null): Retired => ({
  id,
  status,
  successorId,
});

function summarized(change: StoredChange, sources: Held[], { told, textOf }: Deciding): Effect | null {
  // An edit of the policy since the plan may tell them apart now.
  if (sources.length < 2 || !areAlike(sources, (source) => identityKey(source) + audienceKey(source, told)))
    return null;
  const content = textOf(change, sources).trim();
  if (content === '' || content.length > LIMITS.content) return null;
  const [first] = sources as [Held];
  const id = change.afterId as string;
  const summary: NewSummary = {
    id,
    firstId: first.id,
    sourceIds: sources.map((source) => source.id),
    content,
    entityId: first.entityId,
    speaker: first.speaker,
    metadata: agreed(sources.map(({ metadata }) => metadata)),
    createdAt: oldest(sources.map(({ createdAt }) => createdAt)) as Date,
    validFrom: oldest(sources.map(({ validFrom }) => validFrom)),
  };
  return effect(change, sources, { summary, retired: sources.map((source) => retire(source.id, 'ARCHIVED', null)) });
}

/** The survivor must still be what the plan has seen, and be shown to whoever is shown the others. */
function givenWay(
  change: StoredChange,
  memories: Held[],
  { held, told }: Deciding,
  status: Retired['status'],
): Effect | null {
  const stays = unchanged(held.get(change.afterId as string), change.afterVersion as number);
  if (!stays || !areAlike([stays, ...memories], (memory) => audienceKey(memory, told))) return null;
  return effect(change, memories, { retired: memories.map(({ id }) => retire(id, status, stays.id)) });
}

function weighed(change: StoredChange, memory: Held, told: ToldApart): Effect | null {
  const [from, to] = [change.weightFrom as number, change.weightTo as number];
  if (told.fields.has('importance') || importanceRank(memory.importance) !== from) return null;
  return effect(change, [memory], { weighed: { id: memory.id, from, to } });
}

const oldest = (times: readonly (Date | null)[]): Date | null =>
  times.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a));

/** What all of them say. */
function agreed(all: readonly (JsonObject | null)[]): JsonObject | null {
  const [first, ...others] = all;
  const entries = Object.entries(first ?? {}).filter(([key, value]) =>
    others.every((other) => other !== null && Object.hasOwn(other, key) && isDeepStrictEqual(other[key], value)),
  );
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

const COUNTED: Record<ChangeKind, keyof RunCounts> = {
  SUMMARIZED: 'summarized',
  MERGED: 'merged',
  SUPERSEDED: 'superseded',
  EXPIRED: 'expired',
  BOOSTED: 'boosted',
  FADED: 'faded',
};

export const NO_COUNTS: RunCounts = {
  summarized: 0,
  merged: 0,
  superseded: 0,
  expired: 0,
  boosted: 0,
  faded: 0,
  skipped: 0,
  left: 0,
};

/** Counted in memories, not in steps. */
export function countsOf(steps: readonly { kind: ChangeKind; memories: number; skipped: number }[]): RunCounts {
  const counts = { ...NO_COUNTS };
  for (const { kind, memories, skipped } of steps) {
    counts[COUNTED[kind]] += memories;
    counts.skipped += skipped;
  }
  return counts;
}

/** What is written down of the steps: those that did nothing keep what they would have done. */
export function settle(
  changes: readonly StoredChange[],
  effects: readonly Effect[],
): { changes: SettledChange[]; counts: RunCounts } {
  const byPlace = new Map(effects.map((one) => [one.change.place, one]));
  const settled = changes.map((change): SettledChange => {
    const { place, memoryIds, versions } = change;
    const done = byPlace.get(place)?.memories;
    if (!done) return { place, state: 'SKIPPED', memoryIds, versions };
    return {
      place,
      state: 'APPLIED',
      memoryIds: done.map(({ id }) => id),
      versions: done.map(({ version }) => version),
    };
  });
  const steps = changes.map(({ place, kind, memoryIds }) => {
    const memories = byPlace.get(place)?.memories.length ?? 0;
    return { kind, memories, skipped: memoryIds.length - memories };
  });
  return { changes: settled, counts: countsOf(steps) };
}
