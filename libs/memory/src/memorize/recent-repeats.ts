import type { Item } from './batch.js';

/**
 * How many units of a caller without a repeat it takes until the next is thought to have none. What repeats a memory needs a
 * second unit where the first ended early: with one in ten writes a repeat, eight clients stored 1,200 a second instead of 1,400.
 */
const UNITS = 16;
const MOST_CALLERS = 10_000;

/** Which callers have lately written what stood already. Forgotten in between, they cost a unit more, and nothing else. */
export class RecentRepeats {
  private readonly unitsLeft = new Map<string, number>();

  expectedOf(callerId: string): boolean {
    return this.unitsLeft.has(callerId);
  }

  note(callerId: string, stored: readonly Item[]): void {
    const left = this.unitsLeft.get(callerId) ?? 0;
    if (stored.some(({ result }) => result?.outcome === 'DUPLICATE')) {
      if (this.unitsLeft.size >= MOST_CALLERS) this.unitsLeft.clear();
      this.unitsLeft.set(callerId, UNITS);
    } else if (left > 1) this.unitsLeft.set(callerId, left - 1);
    else this.unitsLeft.delete(callerId);
  }
}
