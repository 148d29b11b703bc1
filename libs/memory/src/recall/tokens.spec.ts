import { describe, expect, it } from '@jest/globals';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import fc from 'fast-check';
import { tokenCounter } from './tokens.js';

const exactly = (text: string) => encode(text, { disallowedSpecial: new Set() }).length;

describe('counting tokens', () => {
  it.each([
    ['nothing', ''],
    ['prose', 'The staging database runs behind the second gateway.'],
    ['code', 'const total = items.reduce((sum, { price }) => sum + price, 0);'],
    ['Japanese', '東京都は日本の首都であり、世界最大の都市圏を持つ。'],
    ['Arabic', 'قاعدة البيانات تعمل خلف البوابة'],
    ['emoji', '👩‍👩‍👧‍👦 🏳️‍🌈'],
    ['what reads like a control token', 'before <|endoftext|> after'],
  ])('is exact for %s', async (_, text) => {
    const count = await tokenCounter();
    expect(count(text)).toBe(exactly(text));
    expect(count(text)).toBe(exactly(text));
  });

  it('is exact for any text without long runs', async () => {
    const count = await tokenCounter();
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => count(text) === exactly(text)));
  });

  // Merging 30,000 letters in a row took a second, in which the broker did nothing else.
  it('is never too low for a run that is too long to be merged', async () => {
    const count = await tokenCounter();
    const around = fc.string({ unit: 'grapheme', maxLength: 20 });
    const run = fc.constantFrom('a', 'é', '漢', '!', ' ', '\n', '𠀀').map((one) => one.repeat(1_200));
    fc.assert(
      fc.property(around, run, around, (before, long, after) => {
        const text = before + long + after;
        expect(count(text)).toBeGreaterThanOrEqual(exactly(text));
      }),
      { numRuns: 30 },
    );
  });
});
