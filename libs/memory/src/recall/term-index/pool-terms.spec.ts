import type { ReadFilter } from '#access';
import { newId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { READABLE } from './decisions.js';
import { PoolTerms } from './pool-terms.js';
import type { TermRow } from './term-index.repository.js';
import { termRow as row } from './testing.js';

/** Through it all that is LOW is hidden. */
const partial = {
  openKey: () => 'not LOW',
  opens: ({ importance }: TermRow) => importance !== 'LOW',
  opensField: () => true,
} as unknown as ReadFilter;
const whole = { openKey: () => null } as unknown as ReadFilter;

const words = (pool: PoolTerms) => inspect(pool, { depth: null, maxArrayLength: null });
const holding = (pool: PoolTerms, term: string, filter = whole): [number, number][] => {
  const found: [number, number][] = [];
  pool.view(filter).forEachHolding(term, (place, frequency) => found.push([place, frequency]));
  return found;
};

describe('the terms of a pool', () => {
  it('tell who holds a term, and how often', () => {
    const pool = new PoolTerms('pool', '1:1:');
    pool.takeIn([row(newId(), 'a b b'), row(newId(), 'b')]);
    expect(holding(pool, 'a')).toEqual([[0, 1]]);
    expect(holding(pool, 'b')).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect(holding(pool, 'c')).toEqual([]);
  });

  it('tell only of what a filter opens, before and after more is written', () => {
    const pool = new PoolTerms('pool', '1:1:');
    const hidden = { importance: 'LOW' } as const;
    pool.takeIn([row(newId(), 'a', hidden), row(newId(), 'a a b')]);
    expect(holding(pool, 'a', partial)).toEqual([[1, 2]]);
    pool.takeIn([row(newId(), 'a'), row(newId(), 'a c', hidden)]);
    expect(holding(pool, 'a', partial)).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(holding(pool, 'c', partial)).toEqual([]);
    expect(holding(pool, 'a')).toHaveLength(4);
    expect(pool.view(partial).readable).toBe(2);
  });

  it('tell through a view of what came since it was made', () => {
    const pool = new PoolTerms('pool', '1:1:');
    const id = newId();
    pool.takeIn([row(id, 'a')]);
    const view = pool.view(partial);
    pool.takeIn([row(id, 'a b')]);
    const places: number[] = [];
    view.forEachHolding('b', (place) => places.push(place));
    expect(places.map((place) => view.bitsOf(place) & READABLE)).toEqual([READABLE]);
  });

  it('keep no word of what was forgotten, of no version, nor its session', () => {
    const pool = new PoolTerms('pool', '1:1:');
    const [id, other] = [newId(), newId()];
    pool.takeIn([row(id, 'xylophon', { sessionId: 'secret' }), row(other, 'marimba')]);
    expect(holding(pool, 'xylophon', partial)).toEqual([[0, 1]]);
    expect(words(pool)).toContain('xylophon');
    expect(pool.view(partial).readable).toBe(2);
    pool.takeIn([row(id, 'marimba')]);
    pool.takeIn([row(id, '', { status: 'FORGOTTEN', terms: '', length: 0 })]);
    expect(holding(pool, 'xylophon')).toEqual([]);
    expect(holding(pool, 'marimba')).toEqual([[1, 1]]);
    expect(holding(pool, 'xylophon', partial)).toEqual([]);
    expect(holding(pool, 'marimba', partial)).toEqual([[1, 1]]);
    expect(words(pool)).not.toContain('xylophon');
    expect(words(pool)).toContain('marimba');
    expect(pool.view(partial).readable).toBe(1);
    expect(pool.placesOf('secret')).toEqual([]);
    expect(pool.size).toBe(1);
  });

  it('have a session in the order of its memories, whenever each was taken in', () => {
    const pool = new PoolTerms('pool', '1:1:');
    const [one, two, three] = [newId(), newId(), newId()] as const;
    const inSession = (id: string) => row(id, 'a', { sessionId: 's' });
    pool.takeIn([inSession(three), inSession(one), inSession(two)]);
    pool.takeIn([inSession(two)]);
    expect(pool.placesOf('s').map((place) => pool.passages[place]?.id)).toEqual([one, two, three]);
  });
});
