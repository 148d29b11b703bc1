import { type ConditionField } from './catalogue.js';
import { attributeOf, type Condition, type Test, type Value } from './condition.js';
import { holdsNothingElse } from './condition-sql.js';
import { allOf, type Predicate } from './sql-logic.js';
import { type MemoryRow } from './vocabulary.js';

type Keys = Readonly<Record<string, true>>;

/**
 * Rows that a statement asks about and that are known already, as a recall's are before it reads them. Of a list of ten thousand
 * values such a statement needs to name the few that these rows hold: to fetch the list took a twentieth of the recall.
 */
export class KnownRows {
  private readonly held = new Map<ConditionField, ReadonlySet<Value>>();

  constructor(private readonly rows: readonly MemoryRow[]) {}

  /** The condition as these rows need it to be asked; the same where it names no long list. */
  shorten(condition: Condition): Condition {
    if (!condition.tests.some(({ members }) => members)) return condition;
    return { ...condition, tests: condition.tests.map((test) => this.shortenTest(test)) };
  }

  /**
   * What was shortened says the same only of rows that hold what these do: what another holds may be in the list and is
   * not named, so it has to be left out, or a deny would not be met.
   */
  holdNothingElse(fields: ReadonlySet<ConditionField>): Predicate {
    return allOf([...fields].map((field) => holdsNothingElse(field, keysOf(this.valuesOf(field)))));
  }

  private shortenTest(test: Test): Test {
    const { field, members } = test;
    if (!members) return test;
    return { ...test, named: keysOf([...this.valuesOf(field)].filter((value) => members.has(value))) };
  }

  private valuesOf(field: ConditionField): ReadonlySet<Value> {
    let values = this.held.get(field);
    if (!values) {
      values = new Set(this.rows.flatMap((row): readonly Value[] => asList(attributeOf(field, row))));
      this.held.set(field, values);
    }
    return values;
  }
}

const asList = (value: Value | readonly string[] | null): readonly Value[] =>
  value === null ? [] : typeof value === 'object' ? value : [value];

const keysOf = (values: Iterable<Value>): Keys =>
  Object.fromEntries(Array.from(values, (value) => [String(value), true as const]));
