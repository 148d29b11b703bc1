import type { Language } from '#access';
import { describe, expect, it } from '@jest/globals';
import { analyse } from './analysis.js';
import { AskedTerms } from './asked-terms.js';
import { lengthsOf, type LexicalSearch } from './recall.repository.js';
import type { Passage } from './recipe.js';

interface Candidate {
  passage: Passage;
  counts: Record<string, number>;
}
const candidate = (poolId: string, counts: Record<string, number>): Candidate => ({
  passage: {
    id: `of ${poolId}`,
    poolId,
    length: 10,
    sessionId: null,
    speaker: null,
    day: 0,
    traits: 0,
    wanted: true,
  },
  counts,
});
const languageOf = (poolId: string) => poolId as Language;
function found(candidates: Candidate[], documentFrequencies: ReadonlyMap<string, number> | null = null): LexicalSearch {
  const passages = candidates.map(({ passage }) => passage);
  const terms = [...new Set(candidates.flatMap(({ counts }) => Object.keys(counts)))];
  const counts = candidates.flatMap((one) => terms.map((term) => one.counts[term] ?? 0));
  return { passages, terms, counts, lengths: lengthsOf(passages), documents: 9, documentFrequencies, cut: false };
}
const rowsOf = ({ passages, terms, counts }: LexicalSearch) =>
  passages.map((_, row) =>
    Object.fromEntries(
      terms.flatMap((term, at) => {
        const count = counts[row * terms.length + at] as number;
        return count > 0 ? [[term, count]] : [];
      }),
    ),
  );

describe("a question's terms", () => {
  it('are those of its text in pools of one language, each once', () => {
    const asked = new AskedTerms('Houses, houses and contracts', ['ENGLISH']);
    expect(asked.terms).toEqual(['hous', 'contract']);
    expect(asked.searched).toEqual(asked.terms);
    const search = found([candidate('ENGLISH', { hous: 2 })]);
    expect(asked.taken(search, languageOf)).toBe(search);
  });

  it('are one for each word in pools of several, looked for as each has it', () => {
    const asked = new AskedTerms('Verträge houses', ['ENGLISH', 'GERMAN']);
    const english = analyse('Verträge houses', 'ENGLISH');
    const german = analyse('Verträge houses', 'GERMAN');
    expect(english).not.toEqual(german);
    expect(asked.terms).toEqual(english);
    expect(new Set(asked.searched)).toEqual(new Set([...english, ...german]));
    const taken = asked.taken(
      found([
        candidate('GERMAN', { [german[0] as string]: 3 }),
        candidate('ENGLISH', { [english[0] as string]: 1, [english[1] as string]: 2 }),
        // What only looks like a word of the other language says nothing.
        candidate('ENGLISH', { [german[0] as string]: 1 }),
      ]),
      languageOf,
    );
    expect(rowsOf(taken)).toEqual([
      { [english[0] as string]: 3 },
      { [english[0] as string]: 1, [english[1] as string]: 2 },
    ]);
    expect(taken.lengths).toHaveLength(2);
  });

  it('count a word in all languages together', () => {
    const asked = new AskedTerms('Verträge', ['ENGLISH', 'GERMAN']);
    const [english, german] = [analyse('Verträge', 'ENGLISH')[0], analyse('Verträge', 'GERMAN')[0]] as [string, string];
    const counts = new Map([
      [english, 4],
      [german, 30],
    ]);
    const { documentFrequencies } = asked.taken(found([], counts), languageOf);
    expect(documentFrequencies).toEqual(new Map([[english, 34]]));
  });

  it('leave a word out where it stands everywhere, and only there', () => {
    const asked = new AskedTerms('die', ['ENGLISH', 'GERMAN']);
    expect(asked.terms).toEqual(['die']);
    const { passages } = asked.taken(
      found([candidate('ENGLISH', { die: 1 }), candidate('GERMAN', { die: 1 })]),
      languageOf,
    );
    expect(passages.map(({ poolId }) => poolId)).toEqual(['ENGLISH']);
    expect(new AskedTerms('die', ['GERMAN']).terms).toEqual([]);
  });

  it('know a name in every language', () => {
    expect(new AskedTerms('Was sagte Hans?', ['ENGLISH', 'GERMAN']).of('Hans')).toContain(analyse('Hans')[0]);
  });

  it('are none without a pool', () => {
    expect(new AskedTerms('houses', []).searched).toEqual([]);
  });
});
