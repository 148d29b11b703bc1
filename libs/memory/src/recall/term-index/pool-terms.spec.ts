import { newId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { termVector } from '../term-vector.js';
import { PoolTerms } from './pool-terms.js';
import type { TermRow } from './term-index.repository.js';

const row = (id: string, words: string, changes: Partial<TermRow> = {}): TermRow => ({
  id,
  poolId: 'pool',
  type: 'EPISODIC',
  status: 'ACTIVE',
  entityId: null,
  sessionId: null,
  speaker: null,
  authorId: null,
  authorRole: null,
  importance: 'MEDIUM',
  labels: [],
  createdAt: new Date(0),
  validFrom: null,
  validTo: null,
  expiresAt: null,
  terms: termVector(words.split(' ')),
  length: words.split(' ').length,
  traits: 0,
  day: 0,
  ...changes,
});
const holding = (pool: PoolTerms, term: string): [number, number][] => {
  const found: [number, number][] = [];
  pool.entries.forEachHolding(term, (place, frequency) => found.push([place, frequency]));
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

  it('tell of a place which of some terms it holds', () => {
    const pool = new PoolTerms('pool', '1:1:');
    pool.takeIn([row(newId(), 'a b b'), row(newId(), 'c a')]);
    const columns = pool.entries.columnsOf(['b', 'x', 'a']);
    const heldAt = (place: number) => {
      const counts = new Uint8Array(4);
      return [pool.entries.countAt(place, columns, counts, 1), ...counts];
    };
    expect([heldAt(0), heldAt(1)]).toEqual([
      [true, 0, 2, 0, 1],
      [true, 0, 0, 0, 1],
    ]);
    expect(pool.entries.countAt(1, pool.entries.columnsOf(['b']), new Uint8Array(1), 0)).toBe(false);
  });

  it('keep no word of what was forgotten, of no version, nor its session', () => {
    const pool = new PoolTerms('pool', '1:1:');
    const [id, other] = [newId(), newId()];
    pool.takeIn([row(id, 'xylophon', { sessionId: 'secret' }), row(other, 'marimba')]);
    pool.takeIn([row(id, 'marimba')]);
    pool.takeIn([row(id, '', { status: 'FORGOTTEN', terms: '', length: 0 })]);
    expect(holding(pool, 'xylophon')).toEqual([]);
    expect(holding(pool, 'marimba')).toEqual([[1, 1]]);
    const columns = pool.entries.columnsOf(['xylophon', 'marimba']);
    expect([0, 1, 2].map((place) => pool.entries.countAt(place, columns, new Uint8Array(2), 0))).toEqual([
      false,
      true,
      false,
    ]);
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
