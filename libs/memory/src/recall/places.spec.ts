import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Places, Sessions } from './places.js';
import type { Passage } from './recipe.js';

const passage = (id: string, number?: number, poolId = 'p'): Passage => ({
  id,
  poolId,
  sessionId: null,
  speaker: null,
  day: 0,
  length: 1,
  traits: 0,
  wanted: true,
  number,
});

describe('places', () => {
  it('have each memory once, however it is told: by its number in its pool, or by its id where it has none', () => {
    const memories = fc.array(
      fc.record({ nth: fc.nat(4_000), pool: fc.constantFrom('p', 'q'), isNumbered: fc.boolean() }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(memories, (told) => {
        const places = new Places();
        const expected: string[] = [];
        for (const { nth, pool, isNumbered } of told) {
          const id = `${pool}${nth}`;
          if (!expected.includes(id)) expected.push(id);
          const place = places.of(passage(id, isNumbered ? nth : undefined, pool), -1);
          expect(place).toBe(expected.indexOf(id));
        }
        expect(places.passages.map(({ id }) => id)).toEqual(expected);
        for (const list of [places.sessionOf, places.lexical, places.meaning])
          expect(list).toHaveLength(expected.length);
      }),
    );
  });

  it('are the same for one number in two pools never', () => {
    const places = new Places();
    expect([places.of(passage('a', 7), 0), places.of(passage('b', 7, 'q'), 1), places.of(passage('a', 7), 0)]).toEqual([
      0, 1, 0,
    ]);
    expect(places.sessionOf).toEqual([0, 1]);
  });
});

describe('sessions', () => {
  it('are told apart by name and pool, numbered as they are met', () => {
    const sessions = new Sessions();
    const asked = [
      ['p', 'one'],
      ['p', 'one'],
      ['q', 'one'],
      ['p', 'two'],
      ['p', null],
      ['p', 'one'],
      ['q', 'one'],
    ] as const;
    expect(asked.map(([poolId, sessionId]) => sessions.of({ poolId, sessionId }))).toEqual([0, 0, 1, 2, -1, 0, 1]);
    expect(sessions.size).toBe(3);
  });
});
