import { badInput, isId } from '#kernel';

/** Ids are in the order of writing, so the last one shown is place enough. */
export const pageCursor = (memoryId: string): string => Buffer.from(`m1:${memoryId}`).toString('base64url');

/** @throws BAD_INPUT for what pageCursor did not make. */
export function parsePageCursor(cursor: string | null | undefined, field: string): string | null {
  if (cursor === undefined || cursor === null) return null;
  const [version, id = ''] = Buffer.from(cursor.slice(0, 100), 'base64url').toString().split(':');
  if (version !== 'm1' || !isId(id) || pageCursor(id) !== cursor) throw badInput(field, 'is not a cursor of this list');
  return id;
}
