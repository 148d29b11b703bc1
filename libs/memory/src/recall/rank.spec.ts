import { describe, expect, it } from '@jest/globals';
import { inOrder } from './in-order.js';
import { rank } from './rank.js';
import type { Parts, Passage, Scores } from './recipe.js';

const NONE: Parts = { lexical: 0, meaning: 0, neighbours: 0, answer: 0, session: 0, speaker: 0, date: 0, cue: 0 };

interface Scored {
  passage: Passage;
  parts: Partial<Parts>;
}
const scored = (id: string, parts: Partial<Parts>, { poolId = 'p', wanted = true } = {}): Scored => ({
  passage: { id, poolId, sessionId: null, speaker: null, day: 0, length: 1, traits: 0, wanted },
  parts,
});

/** Those with a meaning, be it 0, were found by it. */
function ranked(...all: Scored[]) {
  const partsOf = (place: number): Parts => ({ ...NONE, ...all[place]?.parts });
  const scores: Scores = {
    passages: all.map(({ passage }) => passage),
    sums: Float64Array.from(all, ({ parts }) => Object.values(parts).reduce((sum, value) => sum + value, 0)),
    evidence: {
      lexical: all.map((_, place) => partsOf(place).lexical),
      meaning: all.map((_, place) => partsOf(place).meaning),
    },
    partsOf,
  };
  return [...inOrder(rank(scores, new Set(all.flatMap(({ parts }, place) => ('meaning' in parts ? [place] : [])))))];
}

describe('rank', () => {
  it('puts the best first, and of equals the newer', () => {
    const all = ranked(scored('a', { lexical: 1 }), scored('c', { lexical: 0.5 }), scored('b', { lexical: 1 }));
    expect(all.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
    expect(all[0]?.score).toBe(1);
    expect(all[2]?.score).toBe(0.5);
  });

  it('leaves out what nothing speaks for, and what the caller does not want', () => {
    const all = ranked(scored('a', {}), scored('b', { lexical: 9 }, { wanted: false }), scored('c', { session: 0.1 }));
    expect(all.map(({ id }) => id)).toEqual(['c']);
  });

  it('tells by which method each was found, and where it stood there', () => {
    const all = ranked(
      scored('a', { lexical: 0.4, meaning: 0.1 }),
      scored('b', { lexical: 0.8 }),
      scored('c', { meaning: 0.9 }),
      scored('d', { neighbours: 0.2 }),
      scored('e', { meaning: 0 }),
    );
    const told = all.map((one) => ({ id: one.id, ...one.explain() }));
    expect(told.map(({ id, textRank, vectorRank }) => [id, textRank, vectorRank])).toEqual([
      ['c', null, 1],
      ['b', 1, null],
      ['a', 2, 2],
      ['d', null, null],
      ['e', null, 3],
    ]);
  });
});
