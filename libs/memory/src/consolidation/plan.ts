import type { ToldApart } from '#access';
import { audienceKey } from './audience.js';
import type { Held, PlannedChange } from './consolidation.js';
import type { Contradiction, Fact } from './contradictions.js';
import { findDuplicates, type Read } from './duplicates.js';
import { weigh } from './importance.js';
import { findWindows } from './windows.js';

export interface Planning {
  /** Ages are counted to it. */
  now: Date;
  olderThanDays: number;
  told: ToldApart;
  /** Lets others have the process for a moment. */
  pause: () => Promise<unknown>;
}

/** Entities with more than one fact, the facts of each oldest first; those without an entity are compared among themselves. */
export function factsByEntity(memories: readonly Held[]): Fact[][] {
  const byEntity = new Map<string | null, Fact[]>();
  for (const { id, type, content, entityId, validFrom, createdAt } of memories) {
    if (type !== 'DECLARATIVE') continue;
    const fact = { id, content, entityId, since: validFrom ?? createdAt };
    const facts = byEntity.get(entityId);
    if (facts) facts.push(fact);
    else byEntity.set(entityId, [fact]);
  }
  const oldestFirst = (a: Fact, b: Fact) => a.since.getTime() - b.since.getTime();
  return [...byEntity.values()].filter(({ length }) => length > 1).map((facts) => facts.sort(oldestFirst));
}

/**
 * What a run will do to these memories. Each is touched once: what is over, then what is repeated or contradicted, then what is old
 * enough to be summarised; of what is left importance is moved, unless the policy looks at importance, for then it would move who may read.
 * @param reads ACTIVE ones of one pool, in the order of writing
 */
export async function planChanges(
  reads: readonly Read[],
  contradictions: readonly Contradiction[],
  { now, olderThanDays, told, pause }: Planning,
): Promise<PlannedChange[]> {
  const memories = reads.map(({ memory }) => memory);
  const touched = new Set<string>();
  const note = (changes: PlannedChange[]): PlannedChange[] => {
    for (const { memories: of, after } of changes) for (const { id } of after ? [...of, after] : of) touched.add(id);
    return changes;
  };
  const open = () => memories.filter(({ id }) => !touched.has(id));
  const expired = note(memories.flatMap((memory) => expire(memory, now) ?? []));
  const superseded = note(supersede(open(), contradictions, told));
  const alone = reads.filter(({ memory }) => !touched.has(memory.id));
  const merged = note(await findDuplicates(alone, told, pause));
  await pause();
  const summarized = note(findWindows(open(), { now, olderThanDays, told }));
  await pause();
  const weighed = told.fields.has('importance') ? [] : open().flatMap((memory) => weigh(memory, now) ?? []);
  return [...expired, ...superseded, ...merged, ...summarized, ...weighed];
}

function expire(memory: Held, now: Date): PlannedChange | null {
  if (![memory.expiresAt, memory.validTo].some((time) => time !== null && time <= now)) return null;
  return { kind: 'EXPIRED', memories: [memory], after: null, weights: null, reason: 'past its end' };
}

/** One change for each memory that holds now; a fact gives way only to one that its readers see, too. */
function supersede(
  memories: readonly Held[],
  contradictions: readonly Contradiction[],
  told: ToldApart,
): PlannedChange[] {
  const byId = new Map(memories.map((memory) => [memory.id, memory]));
  const gone = new Set(contradictions.map(({ older }) => older));
  const byNewer = new Map<Held, Held[]>();
  for (const { older, newer } of contradictions) {
    const [before, after] = [byId.get(older), byId.get(newer)];
    if (!before || !after || before === after || gone.has(newer) || !isFact(before, after)) continue;
    if (audienceKey(before, told) !== audienceKey(after, told)) continue;
    byNewer.set(after, [...(byNewer.get(after) ?? []), before]);
    byId.delete(older);
  }
  return [...byNewer].map(([after, before]) => ({
    kind: 'SUPERSEDED',
    memories: before,
    after: { id: after.id, version: after.version },
    weights: null,
    reason: 'a newer fact about the same says that it has changed',
  }));
}

/** A model may answer anything. */
const isFact = (before: Held, after: Held): boolean =>
  [before, after].every(({ type }) => type === 'DECLARATIVE') && before.entityId === after.entityId;
