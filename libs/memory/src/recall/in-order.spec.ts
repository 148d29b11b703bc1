import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inOrder, Sorted } from './in-order.js';

const byNumber = (a: number, b: number) => a - b;

describe('what is sorted as far as it is asked for', () => {
  it('has everything where sorting all of it puts it, in whatever order it is asked for', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 });
    fc.assert(
      fc.property(numbers, fc.array(fc.nat(250), { maxLength: 20 }), (items, asked) => {
        const whole = items.toSorted(byNumber);
        const sorted = new Sorted(items, byNumber);
        for (const nth of asked) expect(sorted.at(nth)).toBe(whole[nth]);
        expect(sorted.length).toBe(items.length);
        expect([...inOrder(sorted)]).toEqual(whole);
        expect([...inOrder(sorted)]).toEqual(whole);
      }),
    );
  });

  it('leaves what it was made of as it was, and compares little for the first of many', () => {
    const items = Array.from({ length: 1_000 }, (_, nth) => (nth * 7_919) % 1_000);
    const before = [...items];
    let compared = 0;
    const sorted = new Sorted(items, (a, b) => (compared++, a - b));
    expect(Array.from({ length: 20 }, (_, nth) => sorted.at(nth))).toEqual([...Array(20).keys()]);
    expect(items).toEqual(before);
    // Sorting all takes some 9,000.
    expect(compared).toBeLessThan(2_600);
  });
});
