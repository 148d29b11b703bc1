import { badInput } from '#kernel';

const KINDS = { pools: 'pool', memories: 'memory' } as const;
/** Longer than any name that is there, however it is escaped. */
const LONGEST = 1_000;

export const poolUri = (key: string): string => `commonplace://pools/${escaped(key)}`;
export const memoryUri = (id: string): string => `commonplace://memories/${escaped(id)}`;

/** Braces stay: they are those of a template. */
const escaped = (name: string): string => encodeURIComponent(name).replace('%7B', '{').replace('%7D', '}');

/** Null for what names neither a pool nor a memory. */
export function parseUri(uri: string): { kind: 'pool' | 'memory'; name: string } | null {
  const [, plural, rest] = /^commonplace:\/\/(pools|memories)\/([^/?#]+)$/.exec(uri.slice(0, LONGEST)) ?? [];
  if (!plural || !rest) return null;
  try {
    return { kind: KINDS[plural as keyof typeof KINDS], name: decodeURIComponent(rest) };
  } catch {
    return null;
  }
}

/** The key behind which a list goes on. */
export const cursorOf = (key: string): string => Buffer.from(`p1:${key}`).toString('base64url');

/** @throws BAD_INPUT for what cursorOf did not make. */
export function parseCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor.slice(0, LONGEST), 'base64url').toString();
  if (!text.startsWith('p1:') || cursorOf(text.slice(3)) !== cursor)
    throw badInput('cursor', 'is not a cursor of this list');
  return text.slice(3);
}
