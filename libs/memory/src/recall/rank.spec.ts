import { describe, expect, it } from '@jest/globals';
import { rank } from './rank.js';
import type { Parts, Scored } from './recipe.js';

const NONE: Parts = { lexical: 0, meaning: 0, neighbours: 0, session: 0, speaker: 0, date: 0, cue: 0 };
const scored = (id: string, parts: Partial<Parts>, { poolId = 'p', wanted = true } = {}): Scored => ({
  passage: { id, poolId, sessionId: null, speaker: null, day: 0, length: 1, traits: 0, wanted },
  parts: { ...NONE, ...parts },
  sum: Object.values(parts).reduce((sum, value) => sum + value, 0),
  isNear: 'meaning' in parts,
});

describe('rank', () => {
  it('puts the best first, and of equals the newer', () => {
    const ranked = rank([scored('a', { lexical: 1 }), scored('c', { lexical: 0.5 }), scored('b', { lexical: 1 })]);
    expect(ranked.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
    expect(ranked[0]?.score).toBe(1);
    expect(ranked[2]?.score).toBe(0.5);
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
      scored('e', { meaning: 0 }),
    ]);
    expect(ranked.map(({ id, textRank, vectorRank }) => [id, textRank, vectorRank])).toEqual([
      ['c', null, 1],
      ['b', 1, null],
      ['a', 2, 2],
      ['d', null, null],
      ['e', null, 3],
    ]);
  });
});
