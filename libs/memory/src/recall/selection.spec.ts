import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Memory } from '../memory.js';
import { boostsOf, DEFAULT_WEIGHTS, sumOf } from './boosts.js';
import { select, type Placed, type Selection } from './selection.js';

const NOW = new Date('2026-06-01T00:00:00Z');
const selection = (changes: Partial<Selection> = {}): Selection => ({
  limit: 3,
  perPool: 100,
  now: NOW,
  isPast: false,
  poolIds: ['pool', 'a', 'b', 'large', 'small'],
  weightsOf: () => null,
  ...changes,
});
const memory = (id: string, changes: Partial<Memory> = {}): Memory =>
  ({
    id,
    poolId: 'pool',
    type: 'EPISODIC',
    content: `unlike ${id}`,
    entityId: null,
    speaker: null,
    importance: 'MEDIUM',
    validFrom: null,
    createdAt: new Date(0),
    recallCount: 0,
    lastRecalledAt: null,
    ...changes,
  }) as Memory;
const placed = (memories: readonly Memory[], step = 0.01): Placed[] =>
  memories.map(({ id, poolId }, place) => ({ id, poolId, score: 1 - place * step }));
const readerOf = (memories: readonly Memory[]) => {
  const asked: string[][] = [];
  const read = (hits: readonly Placed[]) => {
    const ids = hits.map(({ id }) => id);
    asked.push(ids);
    return Promise.resolve(memories.filter(({ id }) => ids.includes(id)).reverse());
  };
  return { asked, read };
};
const taken = async (memories: Memory[], changes: Partial<Selection> = {}, step = 0.01) =>
  (await select(placed(memories, step), selection(changes), readerOf(memories).read)).map(({ memory }) => memory.id);
const many = (count: number, of: (place: number) => Partial<Memory> = () => ({})) =>
  Array.from({ length: count }, (_, place) => memory(`m${String(place).padStart(3, '0')}`, of(place)));

describe('the selection', () => {
  it('leaves the order of the search as it is where nothing tells the hits apart', async () => {
    expect(await taken(many(5))).toEqual(['m000', 'm001', 'm002']);
    expect(await taken(many(5), {}, 0)).toEqual(['m000', 'm001', 'm002']);
  });

  it('brings an important one forward from behind the last place, and says by how much', async () => {
    const memories = many(9, (place) => ({ importance: place === 5 ? 'HIGH' : 'MEDIUM' }));
    const hits = await select(placed(memories), selection(), readerOf(memories).read);
    expect(hits.map(({ memory }) => memory.id)).toEqual(['m000', 'm005', 'm001']);
    expect(hits[1]?.boosts).toEqual({ importanceBoost: DEFAULT_WEIGHTS.importance, recencyBoost: 0, usageBoost: 0 });
    expect(hits[1]?.score).toBeCloseTo(0.95 + DEFAULT_WEIGHTS.importance, 12);
  });

  it('takes the weights of the pool in place of its own', async () => {
    const memories = many(9, (place) => ({
      importance: place === 5 ? 'HIGH' : 'MEDIUM',
      poolId: place === 5 ? 'b' : 'a',
    }));
    const weightsOf = (poolId: string) => (poolId === 'b' ? { importance: 0, recency: 0, usage: 0 } : null);
    expect(await taken(memories, { weightsOf })).toEqual(['m000', 'm001', 'm002']);
  });

  it('gives the places of near-duplicates to others, and looks further behind for as many', async () => {
    const memories = many(80, (place) => ({
      content: place < 40 ? 'The ledger is closed at noon' : `unlike ${place}`,
    }));
    const { asked, read } = readerOf(memories);
    const hits = await select(placed(memories), selection({ limit: 10 }), read);
    expect(hits[0]?.repeats.length).toBe(39);
    expect(hits.map(({ memory }) => memory.id).slice(0, 3)).toEqual(['m000', 'm040', 'm041']);
    expect(asked.length).toBe(2);
    expect(hits.length).toBe(10);
  });

  it('reads once where every pool has given what it may, however much there is of it', async () => {
    const memories = many(60);
    const { asked, read } = readerOf(memories);
    const hits = await select(placed(memories), selection({ limit: 10, perPool: 3 }), read);
    expect(hits.map(({ memory }) => memory.id)).toEqual(['m000', 'm001', 'm002']);
    expect(asked).toHaveLength(1);
  });

  it('takes at most so many of a pool, however many of it come first', async () => {
    const memories = many(60, (place) => ({ poolId: place < 50 ? 'large' : 'small' }));
    expect(await taken(memories, { limit: 5, perPool: 2 })).toEqual(['m000', 'm001', 'm050', 'm051']);
  });

  it('passes over what may no longer be seen', async () => {
    const memories = many(6);
    const hits = await select(placed(memories), selection(), readerOf(memories.filter(({ id }) => id !== 'm001')).read);
    expect(hits.map(({ memory }) => memory.id)).toEqual(['m000', 'm002', 'm003']);
  });

  it('reads little: twice at most, and each time a few more than are asked for', async () => {
    const memories = many(500);
    const { asked, read } = readerOf(memories);
    await select(placed(memories, 0.2), selection({ limit: 10 }), read);
    expect(asked.map((ids) => ids.length)).toEqual([15]);
    await select(placed(memories, 0), selection({ limit: 100 }), read);
    expect(asked[1]?.length).toBe(130);
  });

  const some = fc.array(
    fc.record({
      importance: fc.constantFrom('LOW', 'MEDIUM', 'HIGH'),
      days: fc.nat(60),
      gap: fc.double({ min: 0, max: 0.1, noNaN: true }),
    }),
    { maxLength: 30 },
  );
  it('takes what would be taken if all were looked at', async () => {
    await fc.assert(
      fc.asyncProperty(some, fc.integer({ min: 1, max: 10 }), async (given, limit) => {
        const memories = given.map(({ importance, days }, place) =>
          memory(`${place}x`, {
            importance,
            createdAt: new Date(NOW.getTime() - days * 86_400_000),
          } as Partial<Memory>),
        );
        let score = 2;
        const ranked = memories.map(({ id, poolId }, place) => ({
          id,
          poolId,
          score: (score -= given[place]?.gap ?? 0),
        }));
        const hits = await select(ranked, selection({ limit }), readerOf(memories).read);
        const context = { now: NOW, isPast: false, weights: DEFAULT_WEIGHTS };
        const sums = ranked.map((hit, place) => hit.score + sumOf(boostsOf(memories[place] as Memory, context)));
        expect(hits.map((hit) => hit.score)).toEqual(sums.sort((a, b) => b - a).slice(0, limit));
      }),
    );
  });
});
