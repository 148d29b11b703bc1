import { PGlite } from '@electric-sql/pglite';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { analyse, analyseMemory, MAX_TERM_LENGTH, words } from './analysis.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)), // lone surrogates, NUL
  fc.string({ unit: fc.constantFrom(...`aBé9٣'’"\\-_./:@ \t\n\0`, '日', 'か', '한', '\ud800', '𝒳', '\u0301', '𠮷') }),
  fc.string({ unit: fc.constantFrom('𐐨', 'x'), minLength: 60, maxLength: 140 }), // words that are cut
);

describe('analyse', () => {
  it('gives stems in order, as often as they occur, without stop words', () => {
    expect(analyse('The painters were painting a painting of the sunrise.')).toEqual([
      'painter',
      'paint',
      'paint',
      'sunris',
    ]);
  });

  it('gives nothing for a text of stop words, or for no text', () => {
    expect(analyse('It was what it was, and that is all.')).toEqual([]);
    expect(analyse('What has he done? Others’!')).toEqual([]);
    expect(analyse(' \n')).toEqual([]);
  });

  it('takes irregular forms back to their base', () => {
    expect(analyse('She went home; the children found mice.')).toEqual(analyse('Go home, child: find a mouse'));
  });

  it.each(["Caroline's", 'Caroline’s', 'CAROLINE', 'Ｃａｒｏｌｉｎｅ'])('reads %s as Caroline', (name) => {
    expect(analyse(name)).toEqual(['carolin']);
  });

  it.each([
    ["don't can't won't ain't isn’t", []],
    ["I'm you're they've she'll he'd it's", []],
    ["needn't", ['need']],
    ["O'Brien at five o'clock", ['obrien', 'five', 'oclock']],
    ["the dogs' 'bowl'", ['dog', 'bowl']],
  ])('handles the apostrophes in %s', (text, terms) => {
    expect(analyse(text)).toEqual(terms);
  });

  it.each(['user_id', 'userId', 'user-id', 'UserID', 'user.id', 'USER_ID()', '`user/id`'])(
    'finds %s by its parts and as a whole, however it is spelled',
    (name) => {
      expect(analyse(name)).toEqual(['user', 'id', 'userid']);
    },
  );

  it.each([
    ['v2.1', ['v2', '1', 'v2.1']],
    ['2.1', ['2', '1', '2.1']],
    ['21', ['21']],
    ['2023-05-08', ['2023', '05', '08', '2023.05.08']],
    ['foo.bar()', ['foo', 'bar', 'foobar']],
    ['libs/memory/index.ts', ['lib', 'memori', 'index', 'ts', 'libsmemoryindext']],
    ['parseHTTPRequest', ['pars', 'http', 'request', 'parsehttprequest']],
    ['APIs', ['api']],
    ['YouTube', ['tube', 'youtub']],
    ['well-known', ['well', 'know', 'wellknown']],
    ['wait -- what... a/', ['wait']],
  ])('reads %s as %j', (text, terms) => {
    expect(analyse(text)).toEqual(terms);
  });

  it('reads any script, and characters that look alike as one', () => {
    expect(analyse('Größe привет Ελλάδα हिन्दी')).toEqual(['größe', 'привет', 'ελλάδα', 'हिन्दी']);
    expect(analyse('cafe\u0301 ﬁle ２０２３')).toEqual(analyse('café file 2023'));
  });

  it('gives pairs of characters where words are not spaced', () => {
    expect(analyse('東京タワー')).toEqual(['東京', '京タ', 'タワ', 'ワー']);
    expect(analyse('GPT4を使う')).toEqual(['gpt4', 'を使', '使う']);
    expect(analyse('서울에서')).toEqual(['서울', '울에', '에서']);
    expect(analyse('2023年、猫')).toEqual(['2023', '年', '猫']);
    expect(analyse('𠮷野家')).toEqual(['𠮷野', '野家']);
  });

  it('cuts long words without breaking a character', () => {
    expect(analyse('z'.repeat(1000))).toEqual(['z'.repeat(MAX_TERM_LENGTH)]);
    expect(analyse(`x${'𐐨'.repeat(100)}`)).toEqual([`x${'𐐨'.repeat(31)}`]);
  });

  it('answers the same when it meets a text again', () => {
    fc.assert(fc.property(anyText, (text) => expect(analyse(text)).toEqual(analyse(text))));
  });

  it('reads a megabyte', () => {
    expect(analyse('日本'.repeat(500_000))).toHaveLength(999_999);
    expect(analyse('ab-'.repeat(300_000))).toHaveLength(300_001);
  });

  it('gives safe terms of bounded length for any string', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const term of analyse(text)) {
          expect(term).toMatch(/^[\p{L}\p{N}\p{M}\p{Script=Han}.]+$/u);
          expect(term.length).toBeLessThanOrEqual(MAX_TERM_LENGTH);
          expect(term.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives terms that Postgres takes in a tsvector and a tsquery as they are', async () => {
    const db = new PGlite();
    for (const text of fc.sample(anyText, { numRuns: 300, seed: 11 })) {
      const terms = [...new Set(analyse(text))];
      if (terms.length === 0) continue;
      const vector = terms.map((term, i) => `'${term}':${i + 1}`).join(' ');
      const query = terms.map((term) => `'${term}'`).join(' & ');
      const { rows } = await db.query(
        `select tsvector_to_array($1::tsvector) @> $2 and cardinality(tsvector_to_array($1::tsvector)) = cardinality($2)
                and $1::tsvector @@ $3::tsquery as kept`,
        [vector, terms, query],
      );
      expect({ text, rows }).toEqual({ text, rows: [{ kept: true }] });
    }
    await db.close();
  });
});

describe('analyseMemory', () => {
  const plain = analyse('I adopted a puppy');

  it.each([
    ['Caroline: I adopted a puppy', 'Caroline'],
    ['caroline: I adopted a puppy', ' CAROLINE '],
    ['  Caroline:\nI adopted a puppy', 'Caroline'],
    ['research-agent (2): I adopted a puppy', 'research-agent (2)'],
    ['I adopted a puppy', 'Caroline'],
    ['I adopted a puppy', null],
    ['I adopted a puppy', ''],
  ])('leaves the speaker out of %j by %j', (content, speaker) => {
    expect(analyseMemory({ content, speaker })).toEqual(plain);
  });

  it.each([
    ['Caroline: hello puppy', 'Melanie'],
    ['Caroline adopted a puppy', 'Caroline'],
    ['db:5432 is down', 'db'],
    ['Caroline: hello', undefined],
  ])('keeps a name that is no speech mark, as in %j by %j', (content, speaker) => {
    expect(analyseMemory({ content, speaker })).toEqual(analyse(content));
  });

  it('has no terms where somebody says nothing', () => {
    expect(analyseMemory({ content: 'Caroline:', speaker: 'Caroline' })).toEqual([]);
  });
});

describe('words', () => {
  it('keeps stop words and endings', () => {
    expect(words("Ada's notes: they'll use user_id")).toEqual(['ada', 'notes', 'they', 'use', 'user', 'id', 'userid']);
  });
});
