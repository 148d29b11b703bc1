import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { conditions } from './arbitraries.js';
import { ALWAYS, compileCondition } from './condition.js';
import { includes } from './families.js';
import { Inclusion } from './inclusion.js';

describe('whether one of many conditions includes another', () => {
  const some = fc.array(
    conditions.map((where) => compileCondition(where)),
    { maxLength: 12 },
  );
  const one = conditions.map((where) => compileCondition(where));

  it('is found as by comparing them one by one', () => {
    fc.assert(
      fc.property(some, one, (many, narrow) => {
        expect(new Inclusion(many).has(narrow)).toBe(many.some((wide) => includes(wide, narrow)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('also where it is made narrower by more tests and fewer values, as it seldom is at random', () => {
    fc.assert(
      fc.property(some, conditions, conditions, (many, where, more) => {
        const wide = compileCondition(where);
        const narrow = compileCondition({ ...more, ...narrowed(where) });
        const index = new Inclusion([...many, wide]);
        expect(index.has(narrow)).toBe([...many, wide].some((candidate) => includes(candidate, narrow)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('always, where one has no tests; never, where there is none', () => {
    const narrow = compileCondition({ type: { eq: 'EPISODIC' } });
    expect(new Inclusion([ALWAYS]).has(narrow)).toBe(true);
    expect(new Inclusion([]).has(narrow)).toBe(false);
  });

  /** The same tests with the first of each list's values. */
  const narrowed = (where: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(where).map(([field, tests]) => [
        field,
        Object.fromEntries(
          Object.entries(tests as object).map(([operator, value]) => [
            operator,
            Array.isArray(value) ? (value as unknown[]).slice(0, 1) : (value as unknown),
          ]),
        ),
      ]),
    );
});
