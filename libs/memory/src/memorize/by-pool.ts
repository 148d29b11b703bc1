import { LOCK_NOT_AVAILABLE, sqlState } from '#platform';
import type { Item } from './batch.js';

/** Postgres gave a statement up for what others hold or wait for: nothing of the unit is stored. */
const REFUSED_FOR_OTHERS = new Set<string>([LOCK_NOT_AVAILABLE, '57014', '40P01', '40001']);

/** As far as it is known before a unit is opened: what names none goes to the role's own, which has the role's key almost always. */
export const poolAsked = ({ command }: Item, role: string): string => command.pool ?? role;

export function byPool(items: readonly Item[], role: string): Item[][] {
  const pools = new Map<string, Item[]>();
  for (const item of items) {
    const pool = poolAsked(item, role);
    pools.set(pool, [...(pools.get(pool) ?? []), item]);
  }
  return [...pools.values()];
}

/** Whether all failed at once for a lock: one pool's says nothing of the others. */
export function isRefusedForOthers([first, ...others]: readonly Item[]): boolean {
  const error = first?.error;
  if (!error || others.some((one) => one.error !== error)) return false;
  return REFUSED_FOR_OTHERS.has(sqlState(error.cause) ?? '');
}

/** Whether it was the unit that did not wait any longer for what was locked. */
export const gaveUpWaiting = ({ error }: Item): boolean => sqlState(error?.cause) === LOCK_NOT_AVAILABLE;

const MOST_AT_ONCE = 3;

/** Side by side, for one whose pool is locked takes as long as a statement may: no others wait for it, but where there are as many such. */
export async function storeParts<Part>(parts: readonly Part[], store: (part: Part) => Promise<void>): Promise<void> {
  const left = [...parts];
  const inTurn = async () => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) await store(part);
  };
  const ends = await Promise.allSettled(Array.from({ length: MOST_AT_ONCE }, inTurn));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
