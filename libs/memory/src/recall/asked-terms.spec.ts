import type { Language } from '#access';
import { describe, expect, it } from '@jest/globals';
import { analyse } from './analysis.js';
import { AskedTerms } from './asked-terms.js';
import type { LexicalCandidate } from './recall.repository.js';

const candidate = (poolId: string, counts: Record<string, number>): LexicalCandidate => ({
  id: `of ${poolId}`,
  poolId,
  length: 10,
  sessionId: null,
  speaker: null,
  day: 0,
  traits: 0,
  wanted: true,
  terms: Object.keys(counts),
  frequencies: Object.values(counts),
});
const languageOf = (poolId: string) => poolId as Language;
const found = (candidates: LexicalCandidate[], documentFrequencies: ReadonlyMap<string, number> | null = null) => ({
  candidates,
  documents: 9,
  documentFrequencies,
  cut: false,
});

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
    const { candidates } = asked.taken(
      found([
        candidate('GERMAN', { [german[0] as string]: 3 }),
        candidate('ENGLISH', { [english[0] as string]: 1, [english[1] as string]: 2 }),
        // What only looks like a word of the other language says nothing.
        candidate('ENGLISH', { [german[0] as string]: 1 }),
      ]),
      languageOf,
    );
    expect(candidates.map(({ terms, frequencies }) => ({ terms, frequencies }))).toEqual([
      { terms: [english[0]], frequencies: [3] },
      { terms: english, frequencies: [1, 2] },
    ]);
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
    const { candidates } = asked.taken(
      found([candidate('ENGLISH', { die: 1 }), candidate('GERMAN', { die: 1 })]),
      languageOf,
    );
    expect(candidates.map(({ poolId }) => poolId)).toEqual(['ENGLISH']);
    expect(new AskedTerms('die', ['GERMAN']).terms).toEqual([]);
  });

  it('know a name in every language', () => {
    expect(new AskedTerms('Was sagte Hans?', ['ENGLISH', 'GERMAN']).of('Hans')).toContain(analyse('Hans')[0]);
  });

  it('are none without a pool', () => {
    expect(new AskedTerms('houses', []).searched).toEqual([]);
  });
});
