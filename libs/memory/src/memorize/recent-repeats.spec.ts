import { describe, expect, it } from '@jest/globals';
import { RecentRepeats } from './recent-repeats.js';

const ofNext = (repeats: RecentRepeats, units: number, caller = 'one'): boolean[] =>
  Array.from({ length: units }, () => repeats.areExpectedNowOf(caller));

describe('repeats', () => {
  it('are expected in the next sixteen units of who made one, and of nobody else', () => {
    const repeats = new RecentRepeats();
    expect(ofNext(repeats, 2)).toEqual([false, false]);
    expect(repeats.areExpectedOf('one')).toBe(false);
    repeats.wereMadeBy('one');
    for (let asked = 0; asked < 20; asked++) expect(repeats.areExpectedOf('one')).toBe(true);
    expect(ofNext(repeats, 2, 'other')).toEqual([false, false]);
    expect(ofNext(repeats, 18)).toEqual([...Array<boolean>(16).fill(true), false, false]);
    expect(repeats.areExpectedOf('one')).toBe(false);
  });

  it('begin anew with the next one, and are remembered of so many callers at most', () => {
    const repeats = new RecentRepeats();
    repeats.wereMadeBy('one');
    ofNext(repeats, 10);
    repeats.wereMadeBy('one');
    expect(ofNext(repeats, 15)).toEqual(Array<boolean>(15).fill(true));
    for (let caller = 0; caller < 10_000; caller++) repeats.wereMadeBy(`caller ${caller}`);
    expect(repeats.areExpectedOf('one')).toBe(false);
    expect(repeats.areExpectedOf('caller 9999')).toBe(true);
  });
});
