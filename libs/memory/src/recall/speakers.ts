import { analyse, words } from './analysis.js';
import { STOP_WORDS } from './stop-words.js';

export interface SpeakersSplit {
  /** Those of the pool's speakers whom the query names. */
  readonly named: ReadonlySet<string>;
  /** The query's terms, each once, without those speakers' names; with them if nothing else is left. */
  readonly terms: readonly string[];
}

/**
 * Parts a query into the speakers it names and the terms to look for. A speaker is named by any word of their name
 * (`Ada` or `Lovelace`, in whatever case, also as `Ada's`), though not by a stop word: "will" is seldom Will.
 *
 * `speakers` are those of the memories that the caller may read, as they are stored.
 */
export function splitSpeakers(query: string, speakers: readonly string[]): SpeakersSplit {
  const asked = new Set(words(query).filter((word) => !STOP_WORDS.has(word)));
  const named = new Set(speakers.filter((speaker) => words(speaker).some((word) => asked.has(word))));
  const names = new Set([...named].flatMap(analyse));
  const terms = [...new Set(analyse(query))];
  const others = terms.filter((term) => !names.has(term));
  return { named, terms: others.length > 0 ? others : terms };
}

/**
 * The speaker's part in a memory's score, 1 or 0: 1 when the query names its speaker. Naming nobody or everybody tells no
 * memory from another, so the signal is then 0 for all.
 */
export function speakerSignal(
  named: ReadonlySet<string>,
  speakers: readonly string[],
): (speaker: string | null | undefined) => 0 | 1 {
  const tells = speakers.some((speaker) => !named.has(speaker));
  return (speaker) => (tells && speaker != null && named.has(speaker) ? 1 : 0);
}
