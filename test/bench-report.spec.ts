import { expect, it } from '@jest/globals';
import type { Row } from '../bench/workload.js';
import { svg } from '../bench/report/plot.js';
import { judge, markdown } from '../bench/report/table.js';

const row = (rest: Partial<Row>): Row => ({ row: 'p50: one', value: 2, unit: 'ms', limit: null, ...rest });

it('judges by limits and by what must be reached, and neither in tiny sizes nor without a figure', () => {
  const ok = (given: Partial<Row>, quick = false) => judge('w', row(given), quick).ok;
  expect([ok({}), ok({ limit: 2 }), ok({ limit: 1 })]).toEqual([null, true, false]);
  expect([ok({ atLeast: 2 }), ok({ atLeast: 3 })]).toEqual([true, false]);
  expect([ok({ limit: 1 }, true), ok({ value: NaN, limit: 1, missing: 'not here' })]).toEqual([null, null]);
});

it('has the columns that some row has something for, and says why a figure is missing', () => {
  const plain = markdown([judge('w', row({ limit: 3 }), false)]).split('\n');
  expect(plain[0]).toMatch(/^\| row +\| value +\| limit +\| ok +\|$/);
  const full = markdown([
    judge('w', row({ recall: 0.5, spread: [1, 3] }), false),
    judge('w', row({ row: 'p50: two', value: NaN, missing: 'not installed' }), false),
  ]).split('\n');
  expect(full[0]).toContain('recall@10');
  expect(full[2]).toMatch(/2\.00 ms.*1\.00 – 3\.00.*0\.500/);
  expect(full[3]).toContain('not installed');
});

it('draws a bar for each row that has a value, as well-formed XML', () => {
  const picture = svg(
    [row({ row: 'p50: a < b & c', limit: 4 }), row({ row: 'p50: missing', value: NaN })].map((one) =>
      judge('w', one, false),
    ),
    'a machine',
  );
  expect(picture).toContain('a &lt; b &amp; c');
  expect(picture).not.toContain('missing');
  expect(picture.match(/<rect [^>]*height="12"/g)).toHaveLength(1);
});
