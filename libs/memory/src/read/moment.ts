import type { MemoryStatus, ReadFilter, SqlParams } from '#access';
import { optionalDate } from '../input.js';
import type { MemoryFilter } from './memory-filter.js';

/** What is asked to have been known, and true. */
export interface Moment {
  at: Date;
  /** Whether a moment was named: what is known now needs no look back. */
  named: boolean;
  /** The statuses that were asked for, as of then. */
  wanted: readonly MemoryStatus[];
}

export interface MomentInput {
  asOf?: Date | null;
  includeSuperseded?: boolean | null;
}

/** Where they have replaced an ACTIVE memory, or folded it into another. */
const RETIRED: readonly MemoryStatus[] = ['SUPERSEDED', 'ARCHIVED'];

/** The filter, for what was known and true at `asOf`; by default now. @throws BAD_INPUT naming the field below `path`. */
export function atMoment(filter: MemoryFilter, input: MomentInput, path: string, now: Date): MemoryFilter {
  const asOf = optionalDate(input.asOf, `${path}.asOf`);
  const wanted = together(filter.statuses, input.includeSuperseded ? ['SUPERSEDED'] : []);
  // What has been retired since was ACTIVE then; the moment's conditions tell it from what had been retired before.
  const statuses = together(wanted, asOf && wanted.includes('ACTIVE') ? RETIRED : []);
  return { ...filter, statuses, moment: { at: asOf ?? now, named: asOf !== null, wanted } };
}

const together = (some: readonly MemoryStatus[], others: readonly MemoryStatus[]) => [...new Set([...some, ...others])];

/**
 * What was written by then, was valid then and not yet retired. The caller's policy holds beside it for the row as it is now: to
 * look back shows nobody more.
 */
export function momentSql({ at, named, wanted }: Moment, readFilter: ReadFilter, params: SqlParams): string {
  const then = params.add(at, 'timestamptz');
  const conditions = [
    `(m.valid_from is null or m.valid_from <= ${then})`,
    // What was replaced is asked for although it holds no more.
    `(m.valid_to is null or m.valid_to > ${then}${wanted.includes('SUPERSEDED') ? " or m.status = 'SUPERSEDED'" : ''})`,
  ];
  // Not asked of the present: clocks of two brokers differ, and who has written something finds it at once at either.
  if (named) {
    conditions.push(
      // A proposal was known to others from its approval on.
      // A summary has the age of its sources, and was known from when it was made.
      `greatest(m.created_at, m.reviewed_at, m.consolidated_at) <= ${then}`,
      `(m.expires_at is null or m.expires_at > ${then})`,
      // Its content of then is a part of its history, which is shown to whoever is shown who wrote it.
      `(m.version = 1 or m.updated_at <= ${then} or ${readFilter.shows(params, 'm', 'author')})`,
    );
    const asked = `m.status = any(${params.add(wanted, 'text[]')})`;
    conditions.push(wanted.includes('ACTIVE') ? `(${asked} or m.retired_at > ${then})` : asked);
  }
  return conditions.join(' and ');
}
