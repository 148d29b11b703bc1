import { describe, expect, it } from '@jest/globals';
import { contradictionsByRules, type Fact } from './contradictions.js';

/** In the order of their times; by their places. */
function between(...contents: string[]): string[] {
  return found(contents.map((content, place) => fact(`${place}`, content)));
}
const fact = (id: string, content: string, entityId: string | null = 'ada'): Fact => ({
  id,
  content,
  entityId,
  since: new Date(Date.UTC(2026, 0, 1 + Number(id))),
});
const found = (facts: Fact[]): string[] =>
  contradictionsByRules(facts)
    .map(({ older, newer }) => `${older} by ${newer}`)
    .sort();

describe('by rules, a fact is over', () => {
  it.each([
    ['Ada lives in Berlin.', 'Ada moved to Munich last week.'],
    ['Ada lives in Berlin.', 'Ada now lives in Munich'],
    ['She lives in Berlin', 'The user no longer lives in Berlin.'],
    ['Ada moved to Berlin in May', 'Ada relocated to Oslo.'],
    ['Ada works at Acme', 'Ada now works for Initech'],
    ['Ada works at Acme', 'Ada no longer works at Acme'],
    ['Ada is engaged', 'Ada is now married'],
    ['The deploy target is Heroku', 'The deploy target is now Fly.io'],
    ['The default port is 8080', 'The default port changed to 9090'],
    ["Ada's phone number is 12345", "Ada's phone number is now 67890"],
    ['Favourite color: blue', 'Favourite color: now green'],
    ['The owner of the build is Grace', 'The owner of the build is now Linus'],
    ['Ada uses Vim', 'Ada uses Emacs instead of Vim'],
    ['The service uses Redis', 'The service no longer uses Redis'],
    ['Ada likes coffee', 'Ada no longer likes coffee'],
    ['The service runs on Heroku', 'The service moved from Heroku to Fly'],
    ['Ada is vegetarian', 'Ada is no longer vegetarian'],
  ])('%s – %s', (older, newer) => {
    expect(between(older, newer)).toEqual(['0 by 1']);
  });
});

describe('by rules, both facts stay', () => {
  it.each([
    ['without a word that marks a change', 'Ada lives in Berlin.', 'Ada lives in Munich.'],
    ['of another attribute', 'Ada lives in Berlin.', 'Ada now works at Initech'],
    ['of another subject', 'Ada lives in Berlin.', "Ada's sister moved to Munich."],
    ['of another property', 'The default port is 8080', 'The deploy target is now Fly.io'],
    ['where another value is over', 'Ada uses Vim', 'Ada no longer uses Emacs'],
    ['where there may be several', 'Ada likes coffee', 'Ada now likes tea'],
    ['where a person is said to be two things', 'Ada is vegetarian', 'Ada is now the head of the lab'],
    ['that say the same', 'Ada lives in Berlin.', 'Ada now lives in Berlin.'],
    ['where the change came before', 'Ada moved to Munich', 'Ada lives in Berlin'],
    ['where the text is long', 'Ada lives in Berlin.', `Ada moved to Munich. ${'And much more was said. '.repeat(30)}`],
  ])('%s', (_, older, newer) => {
    expect(between(older, newer)).toEqual([]);
  });

  it('about two entities', () => {
    const facts = [fact('0', 'The owner is Grace', null), fact('1', 'The user moved to Munich')];
    expect(found(facts)).toEqual([]);
  });

  it('of one moment: none of them is newer', () => {
    const facts = [
      fact('0', 'Ada lives in Berlin'),
      { ...fact('1', 'Ada moved to Munich'), since: new Date('2026-01-01') },
    ];
    expect(found(facts)).toEqual([]);
  });
});

it('what was replaced twice gives way to what holds now', () => {
  const moves = ['Ada lives in Berlin', 'Ada moved to Munich', 'Ada moved to Oslo'];
  expect(between(...moves)).toEqual(['0 by 2', '1 by 2']);
});
