import { badInput } from '#kernel';

/** Letters, digits, spaces, _ and -: a name stands in places such as `memories.plan.type` and in keys such as `agent:ada`. */
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N} _-]{0,46}[\p{L}\p{N}_-])?$/u;

/** The entries of `{name: …}`. @throws BAD_INPUT */
export function namedEntries(value: unknown, path: string, atMost: number): [name: string, entry: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput(path, 'must be {name: …}');
  const entries = Object.entries(value);
  if (entries.length === 0) throw badInput(path, 'is empty; at least one is needed');
  if (entries.length > atMost) throw badInput(path, `has ${entries.length} entries; at most ${atMost} are taken`);
  for (const [name] of entries) {
    if (NAME.test(name)) continue;
    throw badInput(path, `${JSON.stringify(name.slice(0, 64))} is no name: up to 48 letters, digits, spaces, _ and -`);
  }
  return entries;
}
