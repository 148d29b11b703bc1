import { describe, expect, it } from '@jest/globals';
import { ASKS, names, TELLS_PLACE, TELLS_TIME, traitAskedFor, traitsOf } from './traits.js';

describe('traitsOf', () => {
  it.each([
    ['I went to a support group yesterday', TELLS_TIME],
    ['The build has been red since Tuesday', TELLS_TIME],
    ['We met two years ago', TELLS_TIME],
    ['She moved to Lisbon', TELLS_PLACE],
    ['He was in the Alps last summer', TELLS_TIME | TELLS_PLACE],
    ['I just finished the parser', TELLS_TIME],
    ['The parser reads from a buffer', 0],
    ['', 0],
    ['It is red again. Who broke the build?', ASKS],
    ['Did you go yesterday? 😀 ("really?")\n', ASKS | TELLS_TIME],
    ['谁写的？', ASKS],
    ['من كتبها؟', ASKS],
    ['Who broke the build? I did.', 0],
    ['a nullable b?: string', 0],
    ['Qui l’a cassé ?', ASKS],
    ['Who said "it works"?!', ASKS],
    ['select * from t where id = ?', 0],
    ['??? the build', 0],
    [`Really?${'!'.repeat(40)}`, 0],
  ])('of “%s”', (content, traits) => {
    expect(traitsOf(content)).toBe(traits);
  });
});

describe('traitAskedFor', () => {
  it.each([
    ['When did Ada paint it?', TELLS_TIME],
    ['What year was that?', TELLS_TIME],
    ['Do you know when is the release?', TELLS_TIME],
    ['Where does Ada live?', TELLS_PLACE],
    ['In which city is the office?', TELLS_PLACE],
    ['What does Ada do?', 0],
    ['A whenever clause', 0],
  ])('by “%s”', (question, trait) => {
    expect(traitAskedFor(question)).toBe(trait);
  });
});

describe('names', () => {
  it('hears any part of a name, whole words only', () => {
    expect(names(new Set(['what', 'did', 'ada', 'say']), 'Ada Lovelace')).toBe(true);
    expect(names(new Set(['lovelace']), 'Ada Lovelace')).toBe(true);
    expect(names(new Set(['adam']), 'Ada')).toBe(false);
    expect(names(new Set(['ada']), '')).toBe(false);
  });
});
