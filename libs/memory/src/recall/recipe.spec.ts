import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  answers,
  asking,
  neighbours,
  needOfContext,
  REACH,
  score,
  WEIGHTS,
  type Asked,
  type Evidence,
  type Passage,
} from './recipe.js';
import { ASKS, TELLS_TIME } from './traits.js';

const passage = (id: string, changes: Partial<Passage> = {}): Passage => ({
  id,
  poolId: 'p',
  sessionId: 's',
  speaker: null,
  day: 0,
  length: 10,
  traits: 0,
  wanted: true,
  ...changes,
});
const nothing: Asked = { words: new Set(), days: [], trait: 0 };
const evidence = (lexical: number[], more: Partial<Evidence> = {}): Evidence => ({
  lexical,
  meaning: lexical.map(() => 0),
  runs: [],
  sessionOf: lexical.map(() => -1),
  sessions: [],
  ...more,
});
const partsOf = (passages: Passage[], asked: Asked, given: Evidence) => {
  const scores = score(passages, asked, given);
  return passages.map((_, place) => scores.partsOf(place));
};

describe('neighbours', () => {
  it('adds e^(−d/2) of what stands d away, on both sides, and nothing beyond the reach', () => {
    const run = Array.from({ length: 30 }, (_, place) => place);
    const sums = neighbours([run], (place) => (place === 15 ? 1 : 0), run.length);
    for (const place of run) {
      const distance = Math.abs(place - 15);
      const expected = distance === 0 || distance > REACH ? 0 : Math.exp(-distance / 2);
      expect(sums[place]).toBeCloseTo(expected, 12);
    }
  });

  it('equals the sum written out, for any values, and never crosses from one run into another', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.float({ min: 0, max: 2, noNaN: true }), { maxLength: 25 }), { maxLength: 3 }),
        (values) => {
          const all = values.flat();
          let next = 0;
          const runs = values.map((run) => run.map(() => next++));
          const sums = neighbours(runs, (place) => all[place] as number, all.length);
          values.forEach((run, nth) =>
            run.forEach((_, place) => {
              let expected = 0;
              for (let d = 1; d <= 8; d++)
                expected += Math.exp(-d / 2) * ((run[place - d] ?? 0) + (run[place + d] ?? 0));
              expect(sums[runs[nth]?.[place] as number]).toBeCloseTo(expected, 9);
            }),
          );
        },
      ),
    );
  });
});

describe('answers', () => {
  const ada = passage('a', { speaker: 'Ada', traits: ASKS });
  const bob = passage('b', { speaker: 'Bob' });
  const of = (...passages: Passage[]) => [...answers([[...passages.keys()]], () => 0.8, passages)];

  it('takes the score of a question to what somebody else says next', () => {
    expect(of(ada, bob, ada, bob)).toEqual([0, 0.8, 0, 0.8]);
    expect(of(bob, bob)).toEqual([0, 0]);
    expect(of(bob, ada)).toEqual([0, 0]);
  });

  it('takes whoever goes on for themselves not for an answer, and whoever is not named for one', () => {
    expect(of(ada, { ...bob, speaker: 'Ada' })).toEqual([0, 0]);
    expect(of({ ...ada, speaker: null }, { ...bob, speaker: null })).toEqual([0, 0.8]);
  });

  it('takes less of a long text that ends in a question', () => {
    expect(of({ ...ada, length: 30 }, bob)).toEqual([0, expect.closeTo(0.2)]);
  });

  it('takes it from the last three of one turn to the first three of the next', () => {
    const says = { ...ada, traits: 0 };
    expect(of(ada, says, says, bob, bob, bob, bob)).toEqual([0, 0, 0, 0.8, 0.8, 0.8, 0]);
    expect(of(ada, says, says, says, bob)).toEqual([0, 0, 0, 0, 0]);
    expect(of(ada, bob, says)).toEqual([0, 0.8, 0]);
  });

  it('takes the most of what was asked', () => {
    const own = (place: number) => [0.3, 0.9, 0.5, 0][place] as number;
    expect([...answers([[0, 1, 2, 3]], own, [ada, ada, ada, bob])]).toEqual([0, 0, 0, 0.9]);
  });

  it('ends with its run', () => {
    expect([...answers([[0], [1]], () => 1, [ada, bob])]).toEqual([0, 0]);
  });
});

describe('asking', () => {
  it('is whole up to 15 terms and falls by the square of the length, and nothing is asked in what ends otherwise', () => {
    expect([0, 1, 15, 30, 60].map((length) => asking({ traits: ASKS, length }))).toEqual([1, 1, 1, 0.25, 0.0625]);
    expect(asking({ traits: TELLS_TIME, length: 1 })).toBe(0);
  });
});

describe('needOfContext', () => {
  it('is whole from 5 to 30 terms, and falls on both sides', () => {
    expect([0, 1, 5, 30, 60].map(needOfContext)).toEqual([0, 0.2, 1, 1, 0.5]);
  });
});

describe('score', () => {
  it('says what each signal adds, and adds them up', () => {
    const one = passage('a', { speaker: 'Ada Lovelace', day: 5, traits: TELLS_TIME });
    const other = passage('b', { length: 60 });
    const asked = { words: new Set(['ada']), days: [{ first: 5, last: 6 }], trait: TELLS_TIME };
    const given = { lexical: [0, 1.2], meaning: [0.5, 0], runs: [[0, 1]], sessionOf: [0, 0], sessions: [0.8] };
    const { sums, partsOf } = score([one, other], asked, given);
    expect(partsOf(0)).toEqual({
      lexical: 0,
      meaning: 0.5,
      neighbours: expect.closeTo(WEIGHTS.neighbours * Math.exp(-0.5) * 1.2),
      answer: 0,
      session: expect.closeTo(WEIGHTS.session * 0.8),
      speaker: WEIGHTS.speaker,
      date: WEIGHTS.date,
      cue: WEIGHTS.time,
    });
    expect(partsOf(1)).toEqual({
      lexical: 1.2,
      meaning: 0,
      neighbours: expect.closeTo(WEIGHTS.neighbours * 0.5 * Math.exp(-0.5) * 0.5),
      answer: 0,
      session: expect.closeTo(WEIGHTS.session * 0.5 * 0.8),
      speaker: 0,
      date: 0,
      cue: 0,
    });
    sums.forEach((sum, place) =>
      expect(sum).toBeCloseTo(
        Object.values(partsOf(place)).reduce((a, b) => a + b, 0),
        12,
      ),
    );
  });

  it('adds what was asked to its answer', () => {
    const asks = passage('a', { speaker: 'Ada', traits: ASKS });
    const answer = passage('b', { speaker: 'Bob', length: 60 });
    const given = evidence([0.6, 0], { meaning: [0.2, 0], runs: [[0, 1]] });
    const answers = partsOf([asks, answer], nothing, given).map((parts) => parts.answer);
    expect(answers).toEqual([0, expect.closeTo(0.5 * 0.7 * 0.8)]);
  });

  it('adds nothing for a speaker where the question names all of them', () => {
    const both = [passage('a', { speaker: 'Ada' }), passage('b', { speaker: 'Bob' })];
    const parts = (words: string[]) =>
      partsOf(both, { ...nothing, words: new Set(words) }, evidence([1, 0])).map(({ speaker }) => speaker);
    expect(parts(['ada', 'bob'])).toEqual([0, 0]);
    expect(parts(['ada'])).toEqual([WEIGHTS.speaker, 0]);
    expect(parts(['eve'])).toEqual([0, 0]);
  });

  it('asks neither neighbours nor session for a memory that belongs to none', () => {
    const alone = passage('a', { sessionId: null });
    const { sums } = score([alone], nothing, evidence([0.7], { sessions: [1] }));
    expect([...sums]).toEqual([0.7]);
  });
});
