import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { closeness, dayOf, daysNamed, type DayRange } from './days.js';

const day = (text: string) => dayOf(new Date(`${text}T12:00:00Z`));
const newest = day('2023-10-20');
const today = day('2026-11-28');
const iso = (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10);
const told = (text: string) =>
  daysNamed(text, { newest, today }).map(({ first, last }) => `${iso(first)}…${iso(last)}`);

describe('daysNamed', () => {
  it.each([
    ['What did she paint in July 2023?', ['2023-07-01…2023-07-31']],
    ['Where were they on 3 May, 2022?', ['2022-05-03…2022-05-03']],
    ['Where were they on May 3rd?', ['2023-05-03…2023-05-03', '2022-05-03…2022-05-03']],
    ['on the 3rd of May 2022', ['2022-05-03…2022-05-03']],
    ['the deploy of 2023-07-04', ['2023-07-04…2023-07-04']],
    ['invoices of 2023-02', ['2023-02-01…2023-02-28']],
    ['What changed in 2021?', ['2021-01-01…2021-12-31']],
    ['between January 2022 and March 2022', ['2022-01-01…2022-01-31', '2022-03-01…2022-03-31']],
    ['what was said yesterday', ['2026-11-27…2026-11-27']],
    ['what did we decide last week', ['2026-11-16…2026-11-22']],
    ['releases of this month', ['2026-11-01…2026-11-30']],
    ['last month', ['2026-10-01…2026-10-31']],
    ['last year', ['2025-01-01…2025-12-31']],
    ['two weeks ago', ['2026-11-11…2026-11-17']],
  ])('reads %s', (text, ranges) => {
    expect(told(text)).toEqual(ranges);
  });

  it.each(['They may march on.', 'Does it mar the view?', 'What is HTTP 1.1?', 'Order 12345 of room 2', ''])(
    'finds none in: %s',
    (text) => {
      expect(told(text)).toEqual([]);
    },
  );

  it('takes may and march for months after a preposition', () => {
    expect(told('what happened in may')).toEqual(['2023-05-01…2023-05-31', '2022-05-01…2022-05-31']);
  });

  it('gives a bounded number of ranges that end after they begin, for any text', () => {
    const words = fc.constantFrom(
      'may',
      '3',
      '31st',
      'of',
      '2023',
      '2023-13',
      '2023-02-40',
      'last',
      'week',
      'ago',
      '999',
      'years',
      '-',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 60 }).map((list) => list.join(' ')),
        ),
        (text) => {
          const ranges = daysNamed(text, { newest, today });
          expect(ranges.length).toBeLessThanOrEqual(10);
          for (const { first, last } of ranges) expect(last).toBeGreaterThanOrEqual(first);
        },
      ),
    );
  });
});

describe('closeness', () => {
  const month: DayRange = { first: 100, last: 130 };

  it('is 1 within a range, fades over the days after it, and is 0 before it', () => {
    expect(closeness(100, [month])).toBe(1);
    expect(closeness(130, [month])).toBe(1);
    expect(closeness(132, [month])).toBeCloseTo(1 - 2 / 4);
    expect(closeness(134, [month])).toBe(0);
    expect(closeness(99, [month])).toBe(0);
  });

  it('fades over a week after a single day', () => {
    const one: DayRange = { first: 50, last: 50 };
    expect(closeness(57, [one])).toBeCloseTo(1 / 8);
    expect(closeness(58, [one])).toBe(0);
  });

  it('takes the closest of several', () => {
    expect(closeness(131, [{ first: 128, last: 128 }, month])).toBeCloseTo(0.75);
    expect(closeness(5, [])).toBe(0);
  });
});
