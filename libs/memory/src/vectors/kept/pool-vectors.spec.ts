import { beforeEach, describe, expect, it } from '@jest/globals';
import { MAX_DIMENSIONS, VectorArena } from './vector-arena.js';
import { PoolVectors } from './pool-vectors.js';

const ONE_PAGE = 1 / 16;
const halfOf = (value: -1 | 0 | 1): number => ({ '-1': 0xbc00, '0': 0, '1': 0x3c00 })[value];
const random = (dimensions: number): (-1 | 0 | 1)[] => {
  const vector = Array.from({ length: dimensions }, () => (Math.floor(Math.random() * 3) - 1) as -1 | 0 | 1);
  return vector.some((value) => value !== 0) ? vector : random(dimensions);
};
const stored = (vector: readonly (-1 | 0 | 1)[]): Buffer => {
  const bytes = Buffer.alloc(4 + 2 * vector.length);
  bytes.writeUInt16BE(vector.length, 0);
  vector.forEach((value, at) => bytes.writeUInt16BE(halfOf(value), 4 + 2 * at));
  return bytes;
};
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, at) => sum + x * (b[at] as number), 0);
const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

const arenaOf = (megabytes: number): VectorArena => {
  const arena = VectorArena.of(megabytes);
  if (!arena) throw new Error('no arena');
  return arena;
};

describe('the vectors of a pool', () => {
  let arena: VectorArena;
  beforeEach(() => {
    arena = arenaOf(8);
  });

  const answers = (vectors: PoolVectors, query: readonly number[]): [number, number][] => {
    const numbers = Float32Array.from(query);
    arena.ask(numbers);
    const found: [number, number][] = [];
    vectors.forEach(numbers, (place, near) => {
      found.push([place, near]);
      return -Infinity;
    });
    return found.sort(([a], [b]) => a - b);
  };

  // Of so few digits every sum is exact, in whatever order it is made.
  it.each([1, 3, 15, 16, 17, 384, 1_536, 16_000])(
    'are compared with a query of %d numbers, whatever came, left and came again',
    (dimensions) => {
      const vectors = new PoolVectors(arena, 'space');
      const held = new Map<number, (-1 | 0 | 1)[]>();
      for (let place = 0; place < 60; place++) {
        const vector = random(dimensions);
        expect(vectors.enter(place, stored(vector))).toBe(true);
        held.set(place, vector);
        const leaving = [...held.keys()][Math.floor(Math.random() * 2 * held.size)];
        if (leaving === undefined) continue;
        held.delete(leaving);
        vectors.leave(leaving);
      }
      expect(held.size).toBeGreaterThan(0);
      expect(vectors.size).toBe(held.size * dimensions);
      for (let round = 0; round < 3; round++) {
        const query = random(dimensions);
        const expected = [...held].map(([place, vector]): [number, number] => [place, cosine(query, vector)]);
        expect(answers(vectors, query)).toEqual(expected.sort(([a], [b]) => a - b));
      }
    },
  );

  it('are compared where they fill many pages, and another pool stands between them', () => {
    const [one, other] = [new PoolVectors(arena, 'space'), new PoolVectors(arena, 'space')];
    const vectors = Array.from({ length: 2_500 }, () => random(40));
    vectors.forEach((vector, place) => (place % 2 === 0 ? one : other).enter(place, stored(vector)));
    const query = random(40);
    for (const [nth, pool] of [one, other].entries())
      expect(answers(pool, query)).toEqual(
        vectors.flatMap((vector, place) => (place % 2 === nth ? [[place, cosine(query, vector)]] : [])),
      );
  });

  it('are those of one length: another is an error', () => {
    const vectors = new PoolVectors(arena, 'space');
    expect(vectors.enter(0, stored(random(8)))).toBe(true);
    expect(() => vectors.enter(1, stored(random(9)))).toThrow('a vector of 9 numbers in a space of 8');
    expect(answers(vectors, random(8)).map(([place]) => place)).toEqual([0]);
  });

  it('know what is lacking until it comes or its memory leaves', () => {
    const vectors = new PoolVectors(arena, 'space');
    for (const place of [0, 1, 2]) vectors.lacking.add(place);
    vectors.enter(0, stored([1]));
    vectors.leave(1);
    expect([...vectors.lacking]).toEqual([2]);
  });
});

describe('the room of vectors', () => {
  it('is not given beyond its end, and again when it was given back, with nothing left in it', () => {
    const arena = arenaOf(3 * ONE_PAGE);
    const full = new PoolVectors(arena, 'space');
    const vector = stored(random(MAX_DIMENSIONS / 2));
    const taken = Array.from({ length: 8 }, (_, place) => full.enter(place, vector));
    expect(taken).toEqual([true, true, true, true, true, true, false, false]);
    full.release();
    const pages = [arena.take(), arena.take(), arena.take()] as number[];
    expect(arena.take()).toBeUndefined();
    for (const page of pages) expect(arena.of(page, 0, MAX_DIMENSIONS).some((number) => number !== 0)).toBe(false);
  });

  it('holds nothing of a memory that left', () => {
    const arena = arenaOf(ONE_PAGE);
    const vectors = new PoolVectors(arena, 'space');
    vectors.enter(0, stored([1, -1]));
    vectors.leave(0);
    const page = 2;
    expect(arena.of(page, 0, MAX_DIMENSIONS).some((number) => number !== 0)).toBe(false);
    vectors.enter(1, stored([1, -1]));
    expect([...arena.of(page, 0, 2)]).toEqual([1, -1]);
  });

  it('is none where none is wanted', () => expect(VectorArena.of(0)).toBeUndefined());
});
