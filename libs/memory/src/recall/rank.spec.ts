import { describe, expect, it } from '@jest/globals';
import { rank, take } from './rank.js';
import type { Parts, Scored } from './recipe.js';

const NONE: Parts = { lexical: 0, meaning: 0, neighbours: 0, session: 0, speaker: 0, date: 0, cue: 0 };
const scored = (id: string, parts: Partial<Parts>, { poolId = 'p', wanted = true } = {}): Scored => ({
  passage: { id, poolId, sessionId: null, speaker: null, day: 0, length: 1, traits: 0, wanted },
  parts: { ...NONE, ...parts },
  sum: Object.values(parts).reduce((sum, value) => sum + value, 0),
});

describe('rank', () => {
  it('puts the best first, and of equals the newer', () => {
    const ranked = rank([scored('a', { lexical: 1 }), scored('c', { lexical: 0.5 }), scored('b', { lexical: 1 })]);
    expect(ranked.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
    expect(ranked[0]?.score).toBeCloseTo(0.5);
    expect(ranked[2]?.score).toBeCloseTo(1 / 3);
  });

  it('leaves out what nothing speaks for, and what the caller does not want', () => {
    const ranked = rank([
      scored('a', {}),
      scored('b', { lexical: 9 }, { wanted: false }),
      scored('c', { session: 0.1 }),
    ]);
    expect(ranked.map(({ id }) => id)).toEqual(['c']);
  });

  it('tells by which method each was found, and where it stood there', () => {
    const ranked = rank([
      scored('a', { lexical: 0.4, meaning: 0.1 }),
      scored('b', { lexical: 0.8 }),
      scored('c', { meaning: 0.9 }),
      scored('d', { neighbours: 0.2 }),
    ]);
    expect(ranked.map(({ id, textRank, vectorRank }) => [id, textRank, vectorRank])).toEqual([
      ['c', null, 1],
      ['b', 1, null],
      ['a', 2, 2],
      ['d', null, null],
    ]);
  });
});

describe('take', () => {
  it('takes at most so many, and of each pool at most so many', () => {
    const ranked = rank([
      scored('a', { lexical: 5 }, { poolId: 'p' }),
      scored('b', { lexical: 4 }, { poolId: 'p' }),
      scored('c', { lexical: 3 }, { poolId: 'p' }),
      scored('d', { lexical: 2 }, { poolId: 'q' }),
    ]);
    expect(take(ranked, 3, 2).map(({ id }) => id)).toEqual(['a', 'b', 'd']);
    expect(take(ranked, 2, 3).map(({ id }) => id)).toEqual(['a', 'b']);
  });
});
