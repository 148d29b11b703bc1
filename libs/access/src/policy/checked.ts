import { badInput, wellFormed } from '#kernel';

/** Readers of values from strangers: each answers what it checked, or throws BAD_INPUT naming the place and what is allowed. */

/** Of an object only what is its own, and nothing that is not among the keys: a prototype could lend it the rest. */
export function checkedObject<K extends string>(
  value: unknown,
  path: string,
  { keys, what }: { keys: readonly K[]; what: string },
): Partial<Record<K, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput(path, `must be ${what}`);
  const unknown = Object.keys(value).find((key) => !(keys as readonly string[]).includes(key));
  if (unknown !== undefined) {
    throw badInput(`${path}.${short(unknown)}`, `is no part of ${what}; there are ${keys.join(', ')}`);
  }
  return Object.fromEntries(Object.entries(value)) as Partial<Record<K, unknown>>;
}

export function someOf<T extends string>(allowed: readonly T[], value: unknown, path: string): T[] {
  const items = nonEmpty(value, path, 100).map((item, index) => oneOf(allowed, item, `${path}.${index}`));
  return [...new Set(items)];
}

export function oneOf<T extends string>(allowed: readonly T[], value: unknown, path: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw badInput(path, `must be one of ${allowed.join(', ')}`);
  return found;
}

export function nonEmpty(value: unknown, path: string, atMost: number): unknown[] {
  const list = listOf(value, path, atMost);
  if (list.length === 0) throw badInput(path, 'is empty; at least one is needed');
  return list;
}

export function listOf(value: unknown, path: string, atMost: number): unknown[] {
  if (!Array.isArray(value)) throw badInput(path, 'must be a list');
  if (value.length > atMost) throw badInput(path, `has ${value.length} entries; at most ${atMost} are taken`);
  // A list with holes would be passed over by map.
  return Array.from(value as unknown[]);
}

export function textOf(value: unknown, path: string, atMost: number): string {
  if (typeof value !== 'string') throw badInput(path, 'must be text');
  if (value.length > atMost) throw badInput(path, `has ${value.length} characters; at most ${atMost} are taken`);
  return wellFormed(value, path);
}

/** For a message: text that is not known must not fill it. */
export const short = (text: string): string => text.slice(0, 64);

export const some = (keys: readonly string[]): string =>
  keys.length > 30 ? `${keys.slice(0, 30).join(', ')} and ${keys.length - 30} more` : keys.join(', ');
