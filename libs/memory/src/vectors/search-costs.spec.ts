import { describe, expect, it } from '@jest/globals';
import { exactFactorOf } from './search-costs.js';

describe('exactFactorOf', () => {
  it('is where comparing what is readable costs as much as a search that has to look the longer the less is', () => {
    const costs = { comparison: 0.0016, search: 2.5 };
    const indexed = 50_000;
    const even = exactFactorOf(costs) * Math.sqrt(indexed);
    expect(even * costs.comparison).toBeCloseTo((costs.search * indexed) / even, 6);
  });

  it('compares more where searches are dear, and less where comparisons are', () => {
    const usual = exactFactorOf({ comparison: 0.001, search: 0.5 });
    expect(exactFactorOf({ comparison: 0.001, search: 2 })).toBeGreaterThan(usual);
    expect(exactFactorOf({ comparison: 0.004, search: 0.5 })).toBeLessThan(usual);
  });

  it.each([
    [{ comparison: 0, search: 1 }, 30],
    [{ comparison: 0, search: 0 }, 30],
    [{ comparison: 1, search: 0 }, 6],
    [{ comparison: 1e-9, search: 1_000 }, 60],
  ])('of %j, which is no measurement, is %d', (costs, factor) => {
    expect(exactFactorOf(costs)).toBe(factor);
  });
});
