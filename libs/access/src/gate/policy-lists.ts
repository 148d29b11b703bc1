import type { Unit } from '#platform';
import { hashOf, keptAs, noteKept, valuesAsKeys, type ReadFilter } from '../policy/index.js';
import { insertList } from './policy-lists.repository.js';

/** Fewer values are sent with each statement; from about so many on, that costs more than to look up where they are kept. */
const FROM_VALUES = 200;
/** Of one filter, the longest; what a version of the policy leaves behind is bounded by it. */
const MOST_LISTS = 16;

/**
 * Has the long lists of a policy in the database before statements ask for them. When a filter is first used and not when
 * the policy is activated: which lists there are depends on the role, on the pools of the day and on what has expired.
 */
export class PolicyLists {
  private readonly keeping = new WeakMap<ReadFilter, Promise<void>>();

  constructor(
    private readonly orgId: string,
    private readonly inUnit: <Result>(work: (unit: Unit) => Promise<Result>) => Promise<Result>,
  ) {}

  /** Never fails: a list that could not be kept is sent with each statement, and tried again with the next unit. */
  keep(filter: ReadFilter): Promise<void> {
    let keeping = this.keeping.get(filter);
    if (!keeping) {
      keeping = this.store(filter).catch(() => void this.keeping.delete(filter));
      this.keeping.set(filter, keeping);
    }
    return keeping;
  }

  private async store(filter: ReadFilter): Promise<void> {
    const long = filter.longLists().filter((test) => test.values.length >= FROM_VALUES);
    const lists = long.sort((a, b) => b.values.length - a.values.length).slice(0, MOST_LISTS);
    const fresh = lists.filter((test) => !keptAs(test)).map((test) => ({ test, hash: hashOf(test) }));
    if (fresh.length === 0) return;
    const { orgId } = this;
    await this.inUnit(async (unit) => {
      for (const { test, hash } of fresh) await insertList(unit, { orgId, hash, keys: valuesAsKeys(test) });
    });
    for (const { test, hash } of fresh) noteKept(test, { orgId, hash });
  }
}
