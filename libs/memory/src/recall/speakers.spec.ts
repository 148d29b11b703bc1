import { describe, expect, it } from '@jest/globals';
import { speakerSignal, splitSpeakers } from './speakers.js';

describe('splitSpeakers', () => {
  const split = (query: string, ...speakers: string[]): [named: string[], terms: readonly string[]] => {
    const { named, terms } = splitSpeakers(query, speakers);
    return [[...named], terms];
  };

  it('takes the names of speakers out of the terms', () => {
    expect(split('When did Caroline adopt the puppy?', 'Caroline', 'Melanie')).toEqual([
      ['Caroline'],
      ['adopt', 'puppi'],
    ]);
  });

  it.each(["caroline's puppy", 'CAROLINE puppy', 'puppy—Caroline’s?', 'puppy of Smith', 'Caroline Smith: puppy'])(
    'knows Caroline Smith in %j',
    (query) => {
      expect(split(query, 'Caroline Smith', 'Melanie')).toEqual([['Caroline Smith'], ['puppi']]);
    },
  );

  it('knows agents by the parts of their names', () => {
    expect(split('what did the research-agent decide', 'research-agent', 'user')).toEqual([
      ['research-agent'],
      ['decid'],
    ]);
    expect(split('what did research decide', 'research-agent', 'user')).toEqual([['research-agent'], ['decid']]);
  });

  it('names all whom the query names', () => {
    expect(split('Did Ada or Grace fly?', 'Ada', 'Grace', 'Edsger')).toEqual([['Ada', 'Grace'], ['fli']]);
  });

  it('names nobody whom the query does not name', () => {
    expect(split('Who adopted a puppy?', 'Ada', 'Grace')).toEqual([[], ['adopt', 'puppi']]);
    expect(split('What was marked?', 'Mark')).toEqual([[], ['mark']]);
    expect(split('What will happen?', 'Will', '')).toEqual([[], ['happen']]);
  });

  it('keeps the names when nothing else is left to look for', () => {
    expect(split('Who is Caroline?', 'Caroline', 'Melanie')).toEqual([['Caroline'], ['carolin']]);
  });

  it('gives each term once', () => {
    expect(split('puppy, puppies, a puppy of Ada', 'Ada')).toEqual([['Ada'], ['puppi']]);
  });
});

describe('speakerSignal', () => {
  const speakers = ['Ada', 'Grace'];

  it("is 1 for a named speaker's memories and 0 for the others", () => {
    const signal = speakerSignal(new Set(['Ada']), speakers);
    expect([signal('Ada'), signal('Grace'), signal(null), signal(undefined)]).toEqual([1, 0, 0, 0]);
  });

  it('is 0 for all when the query names nobody or everybody', () => {
    expect(speakerSignal(new Set(), speakers)('Ada')).toBe(0);
    expect(speakerSignal(new Set(speakers), speakers)('Ada')).toBe(0);
  });
});
