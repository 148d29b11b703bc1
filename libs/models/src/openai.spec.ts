import { describe, expect, it } from '@jest/globals';
import { retryAfter } from './openai.js';

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each<[string | null, number | undefined]>([
    ['2', 2_000],
    ['0.5', 500],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['86400', 60_000],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('%p means %p ms', (header, ms) => {
    expect(retryAfter(header, now)).toBe(ms);
  });
});
