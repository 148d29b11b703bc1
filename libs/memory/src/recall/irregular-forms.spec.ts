import { describe, expect, it } from '@jest/globals';
import { IRREGULAR_FORMS } from './irregular-forms.js';
import { stem } from './stemmer.js';

describe('IRREGULAR_FORMS', () => {
  it.each([
    ['went', 'go'],
    ['bought', 'buy'],
    ['written', 'write'],
    ['understood', 'understand'],
    ['children', 'child'],
    ['people', 'person'],
    ['best', 'good'],
  ])('takes %s back to %s', (form, base) => {
    expect(IRREGULAR_FORMS.get(form)).toBe(base);
  });

  it('leaves alone what means something else at least as often', () => {
    expect(['rose', 'ground', 'wound', 'lives', 'leaves', 'bit'].filter((form) => IRREGULAR_FORMS.has(form))).toEqual(
      [],
    );
  });

  it('leads to a base in one step', () => {
    expect([...IRREGULAR_FORMS.values()].filter((base) => IRREGULAR_FORMS.has(base))).toEqual([]);
  });

  it('lists no form that the stemmer takes to its base by itself', () => {
    expect([...IRREGULAR_FORMS].filter(([form, base]) => stem(form) === stem(base))).toEqual([]);
  });
});
