import type { Language } from '#access';
import type { Unit } from '#platform';
import type { Memory } from '../memory.js';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { analyseMemory } from './analysis.js';
import { findTextsAt, findVersionsAt } from './past.repository.js';
import type { LexicalSearch } from './recall.repository.js';
import { termFrequencies } from './term-vector.js';
import { traitsOf } from './traits.js';

/** Texts of changed memories are analysed when a past moment is asked for: they stand in no index. */
const MOST_CHANGED = 2_000;

/**
 * The search among the words of then: a memory that was changed since is found by what it said, and no longer by what it says
 * now. As it was where no moment is named.
 */
export async function searchThen(
  unit: Unit,
  scope: ReadScope,
  {
    filter,
    terms,
    languageOf,
  }: { filter: MemoryFilter; terms: readonly string[]; languageOf: (poolId: string) => Language },
  found: LexicalSearch,
): Promise<LexicalSearch> {
  if (!filter.moment?.named || terms.length === 0) return found;
  const texts = await findTextsAt(unit, scope, filter, { at: filter.moment.at, atMost: MOST_CHANGED });
  if (texts.length === 0) return found;
  const wanted = new Set(terms);
  const candidates = new Map(found.candidates.map((candidate) => [candidate.id, candidate]));
  for (const { content, ...passage } of texts) {
    const { id } = passage;
    const all = analyseMemory({ content, speaker: passage.speaker }, languageOf(passage.poolId));
    const held = [...termFrequencies(all.filter((term) => wanted.has(term)))];
    candidates.delete(id);
    if (held.length === 0) continue;
    const [own, frequencies] = [held.map(([term]) => term), held.map(([, count]) => count)];
    candidates.set(id, { ...passage, length: all.length, traits: traitsOf(content), terms: own, frequencies });
  }
  return { ...found, candidates: [...candidates.values()], cut: found.cut || texts.length === MOST_CHANGED };
}

/** The memories as they were then: content, version and when it was written. Everything else is as it is now. */
export async function asTheyWere(
  unit: Unit,
  scope: ReadScope,
  { moment }: MemoryFilter,
  memories: readonly Memory[],
): Promise<Memory[]> {
  if (!moment?.named || memories.length === 0) return [...memories];
  const ids = memories.map((memory) => memory.id);
  const versions = new Map((await findVersionsAt(unit, scope, ids, moment.at)).map((version) => [version.id, version]));
  return memories.map((memory) => {
    const then = versions.get(memory.id);
    if (!then) return memory;
    return { ...memory, content: then.content, version: then.version, updatedAt: then.changedAt };
  });
}
