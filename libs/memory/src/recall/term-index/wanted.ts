import type { MemoryRow } from '#access';
import { isActiveNow, type MemoryFilter } from '../../read/memory-filter.js';
import { SHOWS_AUTHOR, SHOWS_ENTITY, SHOWS_LABELS, SHOWS_SESSION } from './decisions.js';

/**
 * Whether what is kept can tell all that the filter asks: what is ACTIVE now, and nothing of the metadata. Its pools are the
 * scope's own.
 */
export const isTold = (filter: MemoryFilter): boolean => isActiveNow(filter) && filter.metadata === null;

/** What `filterSql` asks of an ACTIVE memory, beside its pool and when it holds: a field that is hidden matches nothing. */
export function isWanted(filter: MemoryFilter, row: MemoryRow, bits: number): boolean {
  const { types, entityId, sessionId, authorId, importance, labels, createdAfter, createdBefore } = filter;
  const shows = (bit: number) => (bits & bit) !== 0;
  return (
    (types === null || types.includes(row.type)) &&
    (entityId === null || (shows(SHOWS_ENTITY) && row.entityId === entityId)) &&
    (sessionId === null || (shows(SHOWS_SESSION) && row.sessionId === sessionId)) &&
    (authorId === null || (shows(SHOWS_AUTHOR) && row.authorId?.toLowerCase() === authorId.toLowerCase())) &&
    (importance === null || importance.includes(row.importance)) &&
    (labels.length === 0 || (shows(SHOWS_LABELS) && labels.every((label) => row.labels.includes(label)))) &&
    (createdAfter === null || row.createdAt > createdAfter) &&
    (createdBefore === null || row.createdAt < createdBefore)
  );
}
