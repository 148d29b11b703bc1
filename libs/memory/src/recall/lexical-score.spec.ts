import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inverseDocumentFrequency, lexicalScores, SESSION_SHAPE, termWeight, type TermTable } from './lexical-score.js';

const length = fc.integer({ min: 1, max: 20_000 });
const frequency = fc.integer({ min: 1, max: 256 });

describe('inverseDocumentFrequency', () => {
  it('follows the formula', () => {
    expect(inverseDocumentFrequency(10, 3)).toBeCloseTo(Math.log(1 + 7.5 / 3.5), 12);
  });

  it('falls as more texts hold the term, and stays above 0', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), (a, b) => {
        const [documentFrequency, documents] = [Math.min(a, b), Math.max(a, b) + 1];
        const idf = inverseDocumentFrequency(documents, documentFrequency);
        expect(idf).toBeGreaterThan(inverseDocumentFrequency(documents, documentFrequency + 1));
        expect(inverseDocumentFrequency(documents, documents)).toBeGreaterThan(0);
      }),
    );
  });

  it('stays above 0 when the count of texts lags behind', () => {
    expect(inverseDocumentFrequency(3, 5)).toBeGreaterThan(0);
  });
});

describe('termWeight', () => {
  it('follows the formula', () => {
    expect(termWeight(1, 12)).toBeCloseTo(1, 12);
    expect(termWeight(2, 40)).toBeCloseTo((1.8 * 2) / (2 + 0.8 * 2), 12);
    expect(termWeight(3, 600, SESSION_SHAPE)).toBeCloseTo((2.2 * 3) / (3 + 1.2 * 2), 12);
  });

  it('rises with frequency and stays between 0 and 1.8', () => {
    fc.assert(
      fc.property(frequency, length, (tf, n) => {
        expect(termWeight(tf + 1, n)).toBeGreaterThan(termWeight(tf, n));
        expect(termWeight(tf, n)).toBeGreaterThan(0);
        expect(termWeight(tf, n)).toBeLessThan(1.8);
      }),
    );
  });

  it('never rises with length, and is the same up to 20 terms', () => {
    fc.assert(
      fc.property(frequency, length, fc.nat(5_000), (tf, n, more) => {
        expect(termWeight(tf, n + more)).toBeLessThanOrEqual(termWeight(tf, n));
      }),
    );
    expect(termWeight(2, 20)).toBe(termWeight(2, 1));
  });
});

describe('lexicalScores', () => {
  interface Candidate {
    id: string;
    length: number;
    frequencies: Record<string, number>;
  }
  const candidate = (id: string, length: number, frequencies: Record<string, number>): Candidate => ({
    id,
    length,
    frequencies,
  });
  const tableOf = (candidates: readonly Candidate[]): TermTable => {
    const terms = [...new Set(candidates.flatMap(({ frequencies }) => Object.keys(frequencies)))];
    return {
      terms,
      lengths: candidates.map(({ length }) => length),
      counts: candidates.flatMap(({ frequencies }) => terms.map((term) => frequencies[term] ?? 0)),
    };
  };
  const scoresOf = (terms: string[], documents: number, ...candidates: Candidate[]): Record<string, number> => {
    const scores = lexicalScores(terms, { documents }, tableOf(candidates));
    return Object.fromEntries(candidates.flatMap(({ id }, at) => (scores[at] ? [[id, scores[at]]] : [])));
  };

  it('weighs what a text holds of the query by how rare it is', () => {
    const [puppy, adopt] = [inverseDocumentFrequency(10, 1), inverseDocumentFrequency(10, 2)];
    const { a, b } = scoresOf(
      ['puppi', 'adopt'],
      10,
      candidate('a', 5, { puppi: 1, adopt: 2 }),
      candidate('b', 40, { adopt: 1 }),
    );
    expect(a).toBeCloseTo((puppy + adopt * termWeight(2, 5)) / (puppy + adopt), 12);
    expect(b).toBeCloseTo((adopt * termWeight(1, 40)) / (puppy + adopt), 12);
  });

  it('counts in how many texts a term stands, unless it is told', () => {
    const held = tableOf([candidate('a', 5, { puppi: 1 }), candidate('b', 5, { adopt: 1 })]);
    const [puppy, adopt] = [inverseDocumentFrequency(10, 7), inverseDocumentFrequency(10, 1)];
    const documentFrequencies = new Map([['puppi', 7]]);
    const [a, b] = lexicalScores(['puppi', 'adopt'], { documents: 10, documentFrequencies }, held);
    expect(a).toBeCloseTo(puppy / (puppy + adopt), 12);
    expect(b).toBeCloseTo(adopt / (puppy + adopt), 12);
  });

  it('gives 1 to a short text that holds each term once', () => {
    expect(scoresOf(['puppi', 'adopt'], 3, candidate('a', 5, { puppi: 1, adopt: 1 }))).toEqual({ a: 1 });
  });

  it('ranks the rarer term higher', () => {
    const { rare, common } = scoresOf(
      ['puppi', 'day'],
      9,
      candidate('rare', 5, { puppi: 1 }),
      candidate('common', 5, { day: 1 }),
      candidate('other', 5, { day: 1 }),
    );
    expect(rare).toBeGreaterThan(common as number);
  });

  it('counts a term of the query that nobody holds against all', () => {
    const found = candidate('a', 5, { puppi: 1 });
    expect(scoresOf(['puppi', 'unicorn'], 5, found)['a']).toBeLessThan(scoresOf(['puppi'], 5, found)['a'] as number);
  });

  it('takes a term of the query once, and passes over terms that are not in it', () => {
    const found = candidate('a', 5, { puppi: 1, sofa: 3 });
    expect(scoresOf(['puppi', 'puppi'], 5, found)).toEqual(scoresOf(['puppi'], 5, candidate('a', 5, { puppi: 1 })));
    expect(scoresOf(['puppi'], 5, found)).toEqual(scoresOf(['puppi'], 5, candidate('a', 5, { puppi: 1 })));
  });

  it('leaves out texts that hold nothing of the query', () => {
    expect(scoresOf(['puppi'], 5, candidate('a', 5, { sofa: 1 }))).toEqual({});
    expect(scoresOf([], 5, candidate('a', 5, { sofa: 1 }))).toEqual({});
    expect(scoresOf(['puppi'], 0)).toEqual({});
  });

  const someTerms = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), frequency, { minKeys: 1 });
  const someCandidates = fc
    .array(fc.tuple(length, someTerms), { maxLength: 20 })
    .map((texts) => texts.map(([size, frequencies], i) => candidate(`m${i}`, size, frequencies)));

  it('stays between 0 and 1.8 for any candidates', () => {
    fc.assert(
      fc.property(someCandidates, fc.nat(1_000), (candidates, more) => {
        const scores = scoresOf(['a', 'b', 'c', 'x'], candidates.length + more, ...candidates);
        for (const score of Object.values(scores)) {
          expect(score).toBeGreaterThan(0);
          expect(score).toBeLessThan(1.8);
        }
      }),
    );
  });

  it('never raises a text that grows longer, nor lowers one that holds a term more often', () => {
    fc.assert(
      fc.property(someCandidates, length, someTerms, fc.nat(5_000), (others, size, frequencies, more) => {
        const oftener = Object.fromEntries(Object.entries(frequencies).map(([term, tf]) => [term, tf + 1]));
        const scoreOf = (text: Candidate): number =>
          scoresOf(['a', 'b', 'c'], others.length + 1, ...others, text)['text'] ?? 0;
        const score = scoreOf(candidate('text', size, frequencies));
        expect(scoreOf(candidate('text', size + more, frequencies))).toBeLessThanOrEqual(score);
        expect(scoreOf(candidate('text', size, oftener))).toBeGreaterThanOrEqual(score);
      }),
    );
  });
});
