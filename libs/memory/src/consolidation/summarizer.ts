import type { Language } from '#access';
import type { ConsolidationMode } from './consolidation.js';
import { contradictionsByRules, type Contradiction, type Fact } from './contradictions.js';
import { extract } from './extract.js';

/** What is to become one summary: in the order of writing, all of one speaker or of none. */
export interface Passages {
  texts: readonly string[];
  speaker: string | null;
  /** Of the pool. */
  language: Language;
}

/**
 * What makes summaries and finds contradictions. What a model answers is text that others wrote, and is kept as that. When it throws,
 * the rules take its place.
 */
export interface Summarizer {
  readonly mode: ConsolidationMode;
  summarize: (passages: Passages, signal: AbortSignal) => Promise<string>;
  /** @param facts of one entity, at most {@link FACTS_AT_ONCE}, oldest first; what is answered may name no others */
  contradictions: (facts: readonly Fact[], signal: AbortSignal) => Promise<readonly Contradiction[]>;
}

/** Of an entity with more facts the newest are asked about. */
export const FACTS_AT_ONCE = 60;

/** Without a model: sentences chosen from the texts, and words that mark a change. */
export const RULES: Summarizer = {
  mode: 'RULES',
  summarize: ({ texts, speaker, language }) => Promise.resolve(extract(texts, speaker, language)),
  contradictions: (facts) => Promise.resolve(contradictionsByRules(facts)),
};
