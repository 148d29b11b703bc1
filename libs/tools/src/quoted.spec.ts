import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quoted } from './quoted.js';

it('is one line, between quotation marks that what is quoted cannot end, and without tags', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const told = quoted(text);
      // eslint-disable-next-line no-control-regex -- that there are none is what is tested
      expect(told).toMatch(/^"(?:[^"\\<>\u0000-\u001f\u007f-\u009f\u2028\u2029]|\\.)*"$/);
      if (text.length <= 300) expect(JSON.parse(told)).toBe(text);
    }),
  );
});
