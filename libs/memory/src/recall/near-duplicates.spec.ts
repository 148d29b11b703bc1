import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { foldNearDuplicates, type Said } from './near-duplicates.js';

const said = (content: string | null, rest: Partial<Said> = {}): Said => ({
  id: '',
  version: 1,
  type: 'DECLARATIVE',
  content,
  entityId: null,
  speaker: null,
  validFrom: null,
  ...rest,
});
/** Which of the texts are left, and which each stands for, by their places. */
function fold(...texts: (string | null | Partial<Said>)[]): string[] {
  const hits = texts.map((text, place) => ({
    ...(typeof text === 'object' && text !== null ? said(null, text) : said(text)),
    id: String(place),
  }));
  return [...foldNearDuplicates(hits, (hit) => hit)].map(({ hit, repeats }) => [hit.id, ...repeats].join('+'));
}

const LONG =
  'The staging database of the billing service runs behind the second gateway, and its backups leave every night';

describe('folding near-duplicates', () => {
  it('keeps the better of two that say the same in other writing', () => {
    expect(fold('Deploys need a green build.', 'deploys need a GREEN build', 'Deploys  need\na green build!')).toEqual([
      '0+1+2',
    ]);
  });

  it('folds a long text that only has a few words more, whichever of the two is better', () => {
    expect(fold(LONG, `Note: ${LONG}`)).toEqual(['0+1']);
    expect(fold(`Note: ${LONG}`, LONG)).toEqual(['0+1']);
  });

  it.each([
    ['a number', 'The port of staging is 5432', 'The port of staging is 6543'],
    ['a negation', 'The freeze is in force', 'The freeze is not in force'],
    ['a contracted negation', 'The cache was warm', "The cache wasn't warm"],
    ['a direction', 'Turn the flag on', 'Turn the flag off'],
    ['an order', 'Ada beats Grace', 'Grace beats Ada'],
    ['a person', `${LONG}, says Ada`, `${LONG}, says Grace`],
    ['a word of a long text', LONG, LONG.replace('second', 'third')],
    ['a number more', LONG, `${LONG} 4`],
    ['a word more in a short text', 'Releases happen weekly', 'Releases happen weekly, probably'],
  ])('keeps both where they differ by %s', (_, one, other) => {
    expect(fold(one, other)).toEqual(['0', '1']);
  });

  it.each<[string, Partial<Said>]>([
    ['entity', { entityId: 'alpha' }],
    ['speaker', { speaker: 'Ada' }],
    ['type', { type: 'EPISODIC' }],
    ['time', { validFrom: new Date(0) }],
  ])('keeps both where they are of another %s', (_, rest) => {
    expect(fold({ content: LONG }, { content: LONG, ...rest })).toEqual(['0', '1']);
  });

  it.each<[string, Partial<Said>]>([
    ['another version', { version: 2, content: LONG.replace('second', 'third') }],
    ['no text', { content: null }],
    ['no speaker', { speaker: null }],
    ['no entity', { entityId: null }],
  ])('hears anew in what was kept where it is shown as %s', (_, shown) => {
    const memory = {};
    const first = said(LONG, { id: '0', entityId: 'billing', speaker: 'Ada' });
    const foldBeside = (kept: Said) => {
      const hits = [first, { ...kept, id: '1' }];
      return [
        ...foldNearDuplicates(
          hits,
          (hit) => hit,
          (hit) => (hit.id === '1' ? memory : undefined),
        ),
      ].length;
    };
    expect(foldBeside(first)).toBe(1);
    expect(foldBeside({ ...first, ...shown })).toBe(2);
    expect(foldBeside(first)).toBe(1);
  });

  it('leaves alone what has no words, or is hidden', () => {
    expect(fold('!!!', '!!!', null, null)).toEqual(['0', '1', '2', '3']);
  });

  const text = fc.array(fc.constantFrom('gate', 'queue', 'not', 'port 1', 'port 2', 'ledger', 'on'), { maxLength: 14 });
  it('loses nothing: each is left or stands behind a better one, in order', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (texts) => {
        const left = fold(...texts.map((words) => words.join(' '))).map((one) => one.split('+').map(Number));
        expect(left.flat().sort((a, b) => a - b)).toEqual(texts.map((_, place) => place));
        for (const [hit, ...repeats] of left) for (const one of repeats) expect(one).toBeGreaterThan(hit as number);
        expect(left.map(([hit]) => hit)).toEqual([...left.map(([hit]) => hit as number)].sort((a, b) => a - b));
      }),
    );
  });
});
