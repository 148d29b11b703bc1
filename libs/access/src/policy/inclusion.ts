import { LIST_OPERATORS } from './catalogue.js';
import { type Condition, type Test } from './condition.js';
import { commonOperator, includes } from './families.js';

/**
 * Whether any of many conditions includes a given one. Each is found by the rarest of its tests: compared one by one, 4,900
 * allows and as many denies took a second for each pool and action.
 */
export class Inclusion {
  private readonly always: boolean;
  private readonly byTest = new Map<string, Condition[]>();

  constructor(conditions: readonly Condition[]) {
    this.always = conditions.some(({ tests }) => tests.length === 0);
    const counts = new Map<string, number>();
    for (const key of conditions.flatMap(({ tests }) => tests.flatMap(keysAsked)))
      counts.set(key, (counts.get(key) ?? 0) + 1);
    const commonness = (test: Test) => Math.max(...keysAsked(test).map((key) => counts.get(key) ?? 0));
    for (const condition of conditions) {
      if (condition.tests.length === 0) continue;
      const rarest = condition.tests.reduce((a, b) => (commonness(b) < commonness(a) ? b : a));
      for (const key of keysAsked(rarest)) this.add(key, condition);
    }
  }

  has(narrow: Condition): boolean {
    if (this.always) return true;
    return narrow.tests.some((test) =>
      this.byTest.get(keysAsked(test)[0] as string)?.some((wide) => includes(wide, narrow)),
    );
  }

  private add(key: string, condition: Condition): void {
    const known = this.byTest.get(key);
    if (known) known.push(condition);
    else this.byTest.set(key, [condition]);
  }
}

/** A list includes another that has all its values, so it is found by any of its own; every other test by itself alone. */
function keysAsked(test: Test): string[] {
  const operator = commonOperator(test);
  if (!operator || !LIST_OPERATORS.has(operator)) return [test.key];
  return test.values.map((value) => JSON.stringify([test.field, operator, value]));
}
