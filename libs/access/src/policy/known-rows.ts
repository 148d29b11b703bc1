import { type ConditionField } from './catalogue.js';
import { attributeOf, type Test, type Value } from './condition.js';
import { type MemoryRow } from './vocabulary.js';

/**
 * Rows that a statement asks about and that are known already, as a recall's are before it reads them. Of a list of ten thousand
 * values it needs to name the few that these rows hold: to fetch the list took a twentieth of the recall.
 */
export class KnownRows {
  private readonly values = new Map<ConditionField, readonly Value[]>();
  private readonly shortened = new Map<Test, Test>();

  constructor(private readonly rows: readonly MemoryRow[]) {}

  /** What the rows hold in the field; of labels, each. */
  valuesOf(field: ConditionField): readonly Value[] {
    let values = this.values.get(field);
    if (!values) {
      values = [...new Set(this.rows.flatMap((row): readonly Value[] => asList(attributeOf(field, row))))];
      this.values.set(field, values);
    }
    return values;
  }

  /** A test with a long list, as these rows need it to be asked. */
  shorten(test: Test): Test {
    let shortened = this.shortened.get(test);
    if (!shortened) {
      const values = this.valuesOf(test.field).filter((value) => test.members?.has(value));
      // Compared with no value at all a null is FALSE, and no longer UNKNOWN; so one is named that none of the rows holds.
      if (values.length === 0) values.push(test.values[0] as Value);
      this.shortened.set(test, (shortened = { ...test, values, members: null }));
    }
    return shortened;
  }
}

const asList = (value: Value | readonly string[] | null): readonly Value[] =>
  value === null ? [] : typeof value === 'object' ? value : [value];
