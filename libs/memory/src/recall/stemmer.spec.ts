import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stem } from './stemmer.js';

const ROOTS = `
  a ab ad add aer agr ally analog anarch apolog appl arsen atroc authent bab baby bias bio bl bug buzz by call cann carr
  cas cat centr chees clos cod commun compos comput conflat consol control cosm cry defin dens dict die dig dog dy earr
  ebb economi egg em equ err even exceed fabl fanc feed feel fizz flat fluent fox free gas gener gentl geolog giv gla
  grac guid happ harm herr hid hiss hop hopp hostil idl ident inn inter intern ion jell joy key kiw knack ki lat lay ly
  lov mat mem mix musi nat nation need news noth observ of off on oper organ out past pay pl plac pre predict proceed
  proper ps quick rad rat relat rhythm roll rust sens ser short sincer sk sky sleep solid spy stud succeed syl sympath
  tann the tonic tr trap ty ug univers us util valu vi vietnam vis vocat wax whisper wr xen y yea yell you yy zo
  naïv café über 火 привет
`
  .trim()
  .split(/\s+/);
const SUFFIXES = `
  ' 's 's' s es ies ied ed eed eedly edly ing ingly ings er ers e y ly li ally abli bli ogi ogist logy able ably ability
  biliti ible al alism ality alize aliti ance anci ant ate ates ation ational ator ed ement ment ments ence enci ency ent
  ently ful fully fulness ic ical icate iciti icity ion ions tion tional ism ity ive ively ativ ative iveness iviti ize
  izer ization less lessly ness ous ously ousness us ss sses ll lled lling bed dding gging pped tted
`
  .trim()
  .split(/\s+/);
const WORDS = ROOTS.flatMap((root) => [root, `'${root}`, ...SUFFIXES.map((suffix) => root + suffix)]);
const EXCEPTIONS = `
  skis skies dying lying tying idly gently ugly early only singly sky news howe atlas cosmos bias andes inning innings
  outing outings canning cannings herring herrings earring earrings evening evenings proceed proceeds proceeded exceed
  exceeds succeed succeeding added ebbing egged offing odd odds uproot bestow disturb generously communism arsenal
  ' '' ''s 's s' o'clock ma'am x86 utf8 3rd
`
  .trim()
  .split(/\s+/);

describe('stem', () => {
  const db = new PGlite();

  beforeAll(async () => {
    // english_stem itself answers nothing for a stop word; this one stems those too.
    await db.exec(`create text search dictionary stem_all (template = snowball, language = english)`);
  });
  afterAll(() => db.close());

  const expectPostgresStems = async (words: string[]): Promise<void> => {
    const { rows } = await db.query<{ word: string; stem: string }>(
      `select word, (ts_lexize('stem_all', word))[1] as stem from unnest($1::text[]) word`,
      [words],
    );
    expect(rows.map(({ word }) => `${word} > ${stem(word)}`)).toEqual(rows.map((row) => `${row.word} > ${row.stem}`));
  };

  it("stems roots with all manner of endings as Postgres' english_stem does", async () => {
    expect(WORDS.length).toBeGreaterThan(10_000);
    await expectPostgresStems(WORDS);
  });

  it('knows the exceptions', () => expectPostgresStems(EXCEPTIONS));

  it('agrees with Postgres on letters in any order', async () => {
    const letters = fc.string({ unit: fc.constantFrom(..."aeiouyaeiouybdglnrst'"), minLength: 1, maxLength: 8 });
    const word = fc.tuple(letters, fc.constantFrom('', ...SUFFIXES)).map(([start, end]) => start + end);
    await expectPostgresStems(fc.sample(word, { numRuns: 5_000, seed: 7 }));
  });

  it('brings the forms of a word together', () => {
    expect(['connect', 'connected', 'connecting', 'connection', 'connections'].map(stem)).toEqual(
      Array<string>(5).fill('connect'),
    );
  });

  it('never gives an empty stem', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1 }), (word) => stem(word.toLowerCase()) !== ''));
  });
});
