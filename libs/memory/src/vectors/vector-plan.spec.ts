import { describe, expect, it } from '@jest/globals';
import { planSearch, tierOf, type Placement, type Tier } from './vector-plan.js';

const place = (poolId: string, memories: number, tier: Tier): Placement => ({ poolId, memories, tier });

describe('tierOf', () => {
  it.each<[number, Tier, Tier]>([
    [0, 'EXACT', 'EXACT'],
    [1_999, 'EXACT', 'EXACT'],
    [2_000, 'EXACT', 'SHARED'],
    [1_000, 'SHARED', 'SHARED'],
    [999, 'SHARED', 'EXACT'],
    [49_999, 'SHARED', 'SHARED'],
    [50_000, 'SHARED', 'OWN'],
    [25_000, 'OWN', 'OWN'],
    [24_999, 'OWN', 'SHARED'],
    [999, 'OWN', 'EXACT'],
  ])('of %d memories, where it was %s, is %s', (memories, present, tier) => {
    expect(tierOf(memories, present)).toBe(tier);
  });

  it('stays when it is asked again', () => {
    for (const present of ['EXACT', 'SHARED', 'OWN'] as const)
      for (let memories = 0; memories < 80_000; memories += 500) {
        const tier = tierOf(memories, present);
        expect(tierOf(memories, tier)).toBe(tier);
      }
  });
});

describe('planSearch', () => {
  it('compares one by one what is little of a large index, and asks the index for more', () => {
    const [small, large] = [place('a', 3_000, 'SHARED'), place('b', 30_000, 'SHARED')];
    expect(planSearch([small], 200_000, 12)).toEqual({ exact: ['a'], shared: [], own: [] });
    expect(planSearch([small, large], 200_000, 12)).toEqual({ exact: [], shared: ['a', 'b'], own: [] });
  });

  it('looks in every pool once', () => {
    const pools = [
      place('a', 10, 'EXACT'),
      place('b', 90_000, 'OWN'),
      place('c', 9_000, 'SHARED'),
      place('d', 1, 'SHARED'),
    ];
    for (const indexed of [0, 9_001, 5_000_000]) {
      const { exact, shared, own } = planSearch(pools, indexed, 12);
      expect([...exact, ...shared, ...own].sort()).toEqual(['a', 'b', 'c', 'd']);
    }
  });
});
