import { CATALOGUE } from './catalogue.js';
import { evaluate } from './condition.js';
import { type Test } from './condition-words.js';
import { IMPORTANCES, type Importance, type MemoryRow } from './vocabulary.js';

const NIL = '00000000-0000-0000-0000-000000000000';

export const truthOf = (test: Test, row: MemoryRow) => evaluate({ tests: [test], key: test.key }, row);

/** The row with one field changed so that the test is TRUE of it; null where no value does that. */
export const satisfying = (test: Test, row: MemoryRow): MemoryRow | null => changed(test, row, 'TRUE');

/** The row with one field changed so that the test is FALSE of it. */
export const violating = (test: Test, row: MemoryRow): MemoryRow | null => changed(test, row, 'FALSE');

function changed(test: Test, row: MemoryRow, wanted: 'TRUE' | 'FALSE'): MemoryRow | null {
  const rows = candidates(test, row).map((value) => ({ ...row, [test.field]: value }));
  return rows.find((candidate) => truthOf(test, candidate) === wanted) ?? null;
}

/** Values on both sides of what the test compares with: one of them makes it TRUE, and one FALSE, where any does. */
function candidates({ field, values }: Test, row: MemoryRow): unknown[] {
  const { kind, values: all = [] } = CATALOGUE[field];
  switch (kind) {
    case 'enum':
      return [...all];
    case 'importance':
      return IMPORTANCES as readonly Importance[] as unknown[];
    case 'text':
      return [values[0], `${[...values].map(String).sort().at(-1)}~`];
    case 'uuid':
      return [values[0], NIL, 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
    case 'time':
      return [values[0], (values[0] as number) - 1, (values.at(-1) as number) + 1].map((ms) => new Date(ms as number));
    case 'labels':
      return [[...row.labels, values[0]], row.labels.filter((label) => !values.includes(label))];
  }
}
