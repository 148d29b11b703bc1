import { findToldApart, type Language } from '#access';
import type { Unit } from '#platform';
import { buryMemory } from '../change/change.repository.js';
import { contentHash } from '../memorize/memorize-command.js';
import { findStanding, insertSources } from '../memorize/memorize.repository.js';
import { appendEvent } from '../memory.repository.js';
import {
  holdPolicy,
  inheritUsage,
  insertSummaries,
  restore,
  retire,
  succeed,
  weighMemories,
  type NewSummary,
} from './apply.repository.js';
import type { Held, RunCounts, StoredChange } from './consolidation.js';
import { effectOf, settle, type Effect } from './effects.js';
import { extract } from './extract.js';
import type { SettledChange } from './lease.repository.js';
import { sourcesKey, type MadeText } from './model.js';
import { lockHeld, type Locked, type PoolScope } from './snapshot.repository.js';
import { reversalOf, type Reversal } from './undo.js';

export interface Applying {
  language: Language;
  now: Date;
  /** What a model has made, by the place of its change. */
  texts: ReadonlyMap<number, MadeText>;
}

/** Does the changes to what nobody has changed since they were planned. @returns what came of each, and the summaries that were made */
export async function applyBatch(
  unit: Unit,
  scope: PoolScope,
  changes: readonly StoredChange[],
  { language, now, texts }: Applying,
): Promise<{ changes: SettledChange[]; counts: RunCounts; made: string[] }> {
  const held = await lockAll(unit, scope, changes);
  await holdPolicy(unit, scope.orgId);
  const told = await findToldApart(unit, scope.orgId);
  const textOf = (change: StoredChange, sources: readonly Held[]): string => {
    const made = texts.get(change.place);
    if (made && made.sources === sourcesKey(sources)) return made.text;
    return extract(
      sources.map(({ content }) => content),
      sources[0]?.speaker ?? null,
      language,
    );
  };
  const decided = changes.flatMap((change) => effectOf(change, { held, told, textOf }) ?? []);
  const effects = await withoutStanding(unit, scope, decided);
  const retired = effects.flatMap((effect) => effect.retired);
  const weighed = effects.flatMap((effect) => effect.weighed ?? []);
  if (retired.length > 0) await retire(unit, scope, retired);
  if (weighed.length > 0) await weighMemories(unit, scope, weighed);
  const merged = retired.flatMap(({ id, status, successorId }) =>
    // A newer fact is not made from the one that it contradicts.
    successorId !== null && status === 'ARCHIVED' ? [{ memoryId: successorId, sourceId: id }] : [],
  );
  if (merged.length > 0) await insertSources(unit, scope.orgId, merged);
  const summaries = effects.flatMap(({ summary }) => summary ?? []);
  if (summaries.length > 0) await makeSummaries(unit, scope, summaries, { language, now });
  return { ...settle(changes, effects), made: summaries.map(({ id }) => id) };
}

/** A summary that says what another memory of the pool says would be no second one; its sources stay. */
async function withoutStanding(unit: Unit, { orgId, poolId }: PoolScope, effects: Effect[]): Promise<Effect[]> {
  const wanted = effects.flatMap(({ summary }) => (summary ? { poolId, hash: contentHash(summary) } : []));
  if (wanted.length === 0) return effects;
  const standing = await findStanding(unit, orgId, wanted);
  const seen = new Set<string>();
  return effects.filter(({ summary }) => {
    if (!summary) return true;
    const hash = contentHash(summary);
    const isTaken = standing.some((one) => hash.equals(one.hash) && !summary.sourceIds.includes(one.id));
    const isFirst = !seen.has(hash.toString('hex'));
    seen.add(hash.toString('hex'));
    return isFirst && !isTaken;
  });
}

async function makeSummaries(
  unit: Unit,
  scope: PoolScope,
  summaries: readonly NewSummary[],
  { language, now }: { language: Language; now: Date },
): Promise<void> {
  const made = await insertSummaries(unit, scope, summaries, { now, language });
  // Stored by others since it was looked for: the unit is undone, and looks again.
  if (made.size < summaries.length) throw new Error('What a summary says was stored by others meanwhile.');
  const links = summaries.flatMap(({ id, sourceIds }) => sourceIds.map((sourceId) => ({ memoryId: id, sourceId })));
  await insertSources(unit, scope.orgId, links);
  await succeed(unit, scope, links);
  await inheritUsage(unit, scope, [...made]);
}

/**
 * Takes the changes back, from what nobody has changed since. What was made of what stays written down: a summary may have been
 * promoted meanwhile, and an author may have named the very source that was merged. Whoever erases follows these links.
 * @returns what came of each, and how many memories were left */
export async function undoBatch(
  unit: Unit,
  scope: PoolScope,
  changes: readonly StoredChange[],
  now: Date,
): Promise<{ changes: SettledChange[]; left: number }> {
  const held = await lockAll(unit, scope, changes);
  const reversals = changes.flatMap((change) => reversalOf(change, held) ?? []);
  const wanted = reversals.flatMap(({ restored }) => restored);
  // First what stands in their place: it may say the same as one of them.
  const policyVersion = await holdPolicy(unit, scope.orgId);
  for (const { buried } of reversals) if (buried) await bury(unit, scope, buried, { now, policyVersion });
  const restored = wanted.length > 0 ? await restore(unit, scope, wanted) : new Set<string>();
  const weighed = reversals.flatMap((reversal) => reversal.weighed ?? []);
  if (weighed.length > 0) await weighMemories(unit, scope, weighed);
  return settleUndone(changes, reversals, restored);
}

function settleUndone(
  changes: readonly StoredChange[],
  reversals: readonly Reversal[],
  restored: ReadonlySet<string>,
): { changes: SettledChange[]; left: number } {
  const byPlace = new Map(reversals.map((reversal) => [reversal.change.place, reversal]));
  let left = 0;
  const settled = changes.map(({ place, memoryIds, versions }): SettledChange => {
    const reversal = byPlace.get(place);
    const back = memoryIds.filter((id) => restored.has(id)).length + (reversal?.weighed ? 1 : 0);
    left += memoryIds.length - back;
    return { place, state: back > 0 || reversal?.buried ? 'UNDONE' : 'LEFT', memoryIds, versions };
  });
  return { changes: settled, left };
}

/** A summary leaves a tombstone, so that whoever has heard of it hears that it is gone. */
async function bury(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  summary: Locked,
  { now, policyVersion }: { now: Date; policyVersion: number },
): Promise<void> {
  const by = { orgId, id: summary.authorId as string };
  await buryMemory(unit, by, summary.id, { reason: 'its consolidation was undone', now });
  await appendEvent(unit, { orgId, poolId, memoryId: summary.id, kind: 'FORGOTTEN', policyVersion, active: -1 });
}

async function lockAll(unit: Unit, scope: PoolScope, changes: readonly StoredChange[]): Promise<Map<string, Locked>> {
  const ids = changes.flatMap(({ memoryIds, afterId }) => (afterId === null ? memoryIds : [...memoryIds, afterId]));
  return new Map((await lockHeld(unit, scope, [...new Set(ids)])).map((memory) => [memory.id, memory]));
}
