import { describe, expect, it } from '@jest/globals';
import type { Memorized, MemorizeOutcome } from '../memory.js';
import type { Item } from './batch.js';
import { RecentRepeats } from './recent-repeats.js';

const unit = (...outcomes: (MemorizeOutcome | undefined)[]): Item[] =>
  outcomes.map((outcome) => ({ result: outcome && ({ outcome } as Memorized) }) as Item);

describe('repeats', () => {
  it('are expected of who made one, until sixteen units of theirs had none', () => {
    const repeats = new RecentRepeats();
    repeats.note('one', unit('CREATED', undefined));
    expect(repeats.expectedOf('one')).toBe(false);
    repeats.note('one', unit('CREATED', 'DUPLICATE'));
    for (let without = 0; without < 16; without++) {
      expect([repeats.expectedOf('one'), repeats.expectedOf('other')]).toEqual([true, false]);
      repeats.note('one', unit('CREATED'));
      repeats.note('other', unit('CREATED'));
    }
    expect(repeats.expectedOf('one')).toBe(false);
  });

  it('begin anew with the next one, and are remembered of so many callers at most', () => {
    const repeats = new RecentRepeats();
    for (const outcome of ['DUPLICATE', 'CREATED', 'DUPLICATE'] as const) repeats.note('one', unit(outcome));
    for (let without = 0; without < 15; without++) repeats.note('one', unit('CREATED'));
    expect(repeats.expectedOf('one')).toBe(true);
    for (let caller = 0; caller < 10_000; caller++) repeats.note(`caller ${caller}`, unit('DUPLICATE'));
    expect(repeats.expectedOf('one')).toBe(false);
    expect(repeats.expectedOf('caller 9999')).toBe(true);
  });
});
