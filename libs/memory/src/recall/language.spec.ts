import { LANGUAGES } from '#access';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { analyse, MAX_TERM_LENGTH } from './analysis.js';

describe('a text in the language of its pool', () => {
  it.each([
    ['GERMAN', 'Die Verträge lagen in den Häusern', ['vertrag', 'lag', 'haus']],
    ['FRENCH', 'Les livraisons sont déployées', ['livraison', 'déploi']],
    ['SPANISH', 'Los servidores están caídos', ['servidor', 'caid']],
    ['RUSSIAN', 'Серверы были остановлены', ['сервер', 'остановл']],
  ] as const)('gives the stems of %s', (language, text, terms) => {
    expect(analyse(text, language)).toEqual(terms);
  });

  it('is English where nothing else is said', () => {
    expect(analyse('The houses were running')).toEqual(analyse('The houses were running', 'ENGLISH'));
  });

  it.each(LANGUAGES)('in %s keeps technical names whole, and every term fit for a tsvector', (language) => {
    expect(analyse('user_id', language)).toHaveLength(3);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const term of analyse(text, language)) {
          expect(term).toMatch(/^[\p{L}\p{N}\p{M}\p{Script=Han}.]+$/u);
          expect(term.length).toBeLessThanOrEqual(MAX_TERM_LENGTH);
        }
      }),
      { numRuns: 200 },
    );
  });
});
