import type { Language } from '#access';
import type { Unit } from '#platform';
import type { Memory } from '../memory.js';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { analyseMemory } from './analysis.js';
import { findTextsAt, findVersionsAt } from './past.repository.js';
import { lengthsOf, type LexicalSearch } from './recall.repository.js';
import { termFrequencies } from './term-vector.js';
import { traitsOf } from './traits.js';

/** Texts of changed memories are analysed when a past moment is asked for: they stand in no index. */
const MOST_CHANGED = 2_000;
/** As the database keeps them; see term-vector. */
const MOST_COUNTED = 255;

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
  const changed = new Set(texts.map(({ id }) => id));
  const kept = found.passages.flatMap((passage, row) => (changed.has(passage.id) ? [] : [{ passage, row }]));
  const counts = new Uint8Array((kept.length + texts.length) * terms.length);
  const passages = kept.map(({ passage, row }, nth) => {
    for (let at = 0; at < terms.length; at++)
      counts[nth * terms.length + at] = found.counts[row * terms.length + at] as number;
    return passage;
  });
  for (const { content, ...passage } of texts) {
    const all = analyseMemory({ content, speaker: passage.speaker }, languageOf(passage.poolId));
    const frequencies = termFrequencies(all);
    if (!terms.some((term) => frequencies.has(term))) continue;
    terms.forEach((term, at) => {
      counts[passages.length * terms.length + at] = Math.min(frequencies.get(term) ?? 0, MOST_COUNTED);
    });
    passages.push({ ...passage, length: all.length, traits: traitsOf(content) });
  }
  return {
    ...found,
    terms,
    passages,
    counts: counts.subarray(0, passages.length * terms.length),
    lengths: lengthsOf(passages),
    cut: found.cut || texts.length === MOST_CHANGED,
  };
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
