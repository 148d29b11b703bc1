import type { Unit } from '#platform';
import type { KeptTexts } from './term-index/term-index.js';
import type { Texts } from './texts.js';

/** Something was written since, or more has to be read than was asked for: all is asked anew, without haste. */
export class MoreToAsk extends Error {
  constructor() {
    super('More has to be asked for than went with the first flight.');
  }
}

/** Where hits are read. */
export type Asking = Pick<Unit, 'query'>;

/** Its first statement is the last of the unit, and goes with the commit. @param isInVain whether all is to be asked again already */
export function lastOf(unit: Unit, isInVain: () => boolean): Asking {
  let isSent = false;
  return {
    query: (statement) => {
      if (isSent || isInVain()) return Promise.reject(new MoreToAsk());
      isSent = true;
      return unit.queryLast(statement);
    },
  };
}

/**
 * What is kept is almost always as it was last seen: the question whether it is goes out, Postgres looks while it is searched here,
 * and the reading of what was found follows without waiting, as the last of the unit. That is all of a recall in one flight.
 * @throws MoreToAsk where something was written since
 */
export async function searchLastSeen<Result>(
  unit: Unit,
  { lastSeen, current }: KeptTexts & { lastSeen: Texts },
  search: (texts: Texts, asking: Asking) => Promise<Result>,
): Promise<Result> {
  let isChanged = false;
  const unchanged = current.then((texts) => {
    isChanged = texts !== lastSeen;
    if (isChanged) throw new MoreToAsk();
  });
  // A read sends what it has asked for when its work first waits: searched before that, Postgres would wait for the search.
  const sent = Promise.resolve();
  const asking = lastOf(unit, () => isChanged);
  const soon = sent.then(() => search(lastSeen, asking));
  // Of both the end is awaited: nothing may be sent any more when the unit is over.
  const [seen, found] = await Promise.allSettled([unchanged, soon]);
  if (seen.status === 'rejected') throw seen.reason;
  if (found.status === 'rejected') throw found.reason;
  return found.value;
}
