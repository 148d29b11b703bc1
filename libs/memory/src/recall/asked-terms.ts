import type { Language } from '#access';
import { analyse, termOf, words } from './analysis.js';
import { lengthsOf, type LexicalSearch } from './recall.repository.js';

/** Of a longer text the first: each is counted in the pools that are large. */
const MAX_TERMS = 64;

/**
 * The question's words as the memories of the searched pools have them. In pools of several languages a word has a term for
 * each; all of them are looked for together, and count as the one word that they are.
 */
export class AskedTerms {
  /** One for each word: as its first language has it. */
  readonly terms: readonly string[];
  /** All that stand in memories. */
  readonly searched: readonly string[];
  /** By language: the word's one term by the language's own. */
  private readonly ofLanguage = new Map<Language, Map<string, string>>();

  constructor(
    text: string,
    private readonly languages: readonly Language[],
  ) {
    const [only] = languages;
    if (languages.length <= 1) {
      this.terms = this.searched = only ? [...new Set(analyse(text, only))].slice(0, MAX_TERMS) : [];
      return;
    }
    for (const language of languages) this.ofLanguage.set(language, new Map());
    for (const word of new Set(words(text))) this.take(word);
    const maps = [...this.ofLanguage.values()];
    this.terms = [...new Set(maps.flatMap((map) => [...map.values()]))].slice(0, MAX_TERMS);
    const kept = new Set(this.terms);
    this.searched = [...new Set(maps.flatMap((map) => [...map].flatMap(([term, one]) => (kept.has(one) ? term : []))))];
  }

  /** Those of a name, whatever language it is looked up in. */
  of(name: string): string[] {
    if (this.languages.length <= 1) return this.languages.flatMap((language) => analyse(name, language));
    return this.languages.flatMap((language) =>
      analyse(name, language).flatMap((term) => this.ofLanguage.get(language)?.get(term) ?? []),
    );
  }

  /** What was found, in the question's terms. */
  taken(search: LexicalSearch, languageOf: (poolId: string) => Language): LexicalSearch {
    if (this.languages.length <= 1) return search;
    const { passages, counts } = this.translated(search, languageOf);
    return {
      ...search,
      passages,
      counts,
      terms: this.terms,
      lengths: lengthsOf(passages),
      documentFrequencies: search.documentFrequencies && this.summed(search.documentFrequencies),
    };
  }

  private take(word: string): void {
    let one: string | undefined;
    for (const language of this.languages) {
      const term = termOf(word, language);
      if (term === undefined) continue;
      const map = this.ofLanguage.get(language) as Map<string, string>;
      one ??= map.get(term) ?? term;
      if (!map.has(term)) map.set(term, one);
    }
  }

  /** A term of another language that is spelled the same is none of the memory's. */
  private translated({ passages, terms, counts }: LexicalSearch, languageOf: (poolId: string) => Language) {
    const width = this.terms.length;
    const places = new Map(this.terms.map((term, place) => [term, place]));
    const columnsOf = (language: Language) =>
      terms.map((term) => places.get(this.ofLanguage.get(language)?.get(term) ?? '') ?? -1);
    const columns = new Map(this.languages.map((language) => [language, columnsOf(language)]));
    const sums = new Uint16Array(passages.length * width);
    let rows = 0;
    const held = passages.filter((passage, row) => {
      let holds = false;
      columns.get(languageOf(passage.poolId))?.forEach((column, at) => {
        const count = counts[row * terms.length + at] as number;
        if (column < 0 || count === 0) return;
        sums[rows * width + column] = (sums[rows * width + column] as number) + count;
        holds = true;
      });
      if (holds) rows++;
      return holds;
    });
    return { passages: held, counts: sums.subarray(0, rows * width) };
  }

  private summed(frequencies: ReadonlyMap<string, number>): Map<string, number> {
    const sums = new Map<string, number>();
    const ones = new Map<string, Set<string>>();
    for (const map of this.ofLanguage.values())
      for (const [term, one] of map) ones.set(term, (ones.get(term) ?? new Set()).add(one));
    for (const [term, count] of frequencies)
      for (const one of ones.get(term) ?? []) sums.set(one, (sums.get(one) ?? 0) + count);
    return sums;
  }
}
