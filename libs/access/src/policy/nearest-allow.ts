import { isHeld, type Access } from './access.js';
import { satisfying, truthOf, violating } from './condition-edits.js';
import { conditionOf } from './condition.js';
import { asOppositeWish, asWish } from './condition-words.js';
import { type PolicyStatement } from './statement.js';
import { verdict } from './verdict.js';
import { type Action, type MemoryRow } from './vocabulary.js';

const MOST_ALLOWS = 200;
const MOST_DENIES = 5;

/** A memory as it would have to be, and what of it would be different. */
interface Edited {
  row: MemoryRow;
  wishes: string[];
}

export interface NearestAllow {
  statement: PolicyStatement;
  /** Such as `type were PROCEDURAL`; all of them together would be enough. */
  wishes: string[];
}

/**
 * The allow that the fewest changes of the memory would bring about. What is found was tried: the verdict on the memory
 * with these changes is that it is allowed.
 * @param speaking the statements that speak of the role, the action and the memory's pool, and have not expired
 */
export function nearestAllow(
  access: Access,
  action: Action,
  row: MemoryRow,
  speaking: readonly PolicyStatement[],
): NearestAllow | null {
  const denies = speaking.filter(({ effect, fields }) => effect === 'DENY' && !(fields && action === 'READ'));
  const allows = speaking.filter(({ effect }) => effect === 'ALLOW').slice(0, MOST_ALLOWS);
  let nearest: NearestAllow | null = null;
  for (const start of startsOf(row)) {
    for (const statement of allows) {
      const edited = withoutDenies(access, action, allowedBy(statement, start), denies);
      if (edited && edited.wishes.length > 0 && edited.wishes.length < (nearest?.wishes.length ?? Infinity))
        nearest = { statement, wishes: edited.wishes };
    }
  }
  return nearest;
}

/** The memory as it is; and, where it waits for a decision, as it would be once it is approved. */
function startsOf(row: MemoryRow): Edited[] {
  const asItIs = { row, wishes: [] };
  if (!isHeld(row)) return [asItIs];
  return [asItIs, { row: { ...row, status: 'ACTIVE', wasHeld: false }, wishes: ['it were approved'] }];
}

function allowedBy(statement: PolicyStatement, start: Edited): Edited | null {
  let edited: Edited | null = start;
  for (const test of conditionOf(statement.where).tests) {
    if (!edited || truthOf(test, edited.row) === 'TRUE') continue;
    const row = satisfying(test, edited.row);
    edited = row && { row, wishes: [...edited.wishes, asWish(test)] };
  }
  return edited;
}

/** Each deny that applies is stepped out of by one of its tests, until the verdict is that it is allowed. */
function withoutDenies(
  access: Access,
  action: Action,
  start: Edited | null,
  denies: readonly PolicyStatement[],
): Edited | null {
  let edited = start;
  for (let round = 0; edited && round <= MOST_DENIES; round++) {
    const { row } = edited;
    if (verdict(access, action, row).allowed) return edited;
    const tests = denies
      .map(({ where }) => conditionOf(where).tests)
      .find((all) => all.every((test) => truthOf(test, row) !== 'FALSE'));
    edited = tests ? steppedOut(edited, tests) : null;
  }
  return null;
}

function steppedOut({ row, wishes }: Edited, tests: ReturnType<typeof conditionOf>['tests']): Edited | null {
  for (const test of tests) {
    const out = violating(test, row);
    if (out) return { row: out, wishes: [...wishes, asOppositeWish(test)] };
  }
  return null;
}
