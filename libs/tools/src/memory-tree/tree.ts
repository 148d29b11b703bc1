/** A file or a folder; a folder has no text. */
export interface Entry {
  text: string | null;
}

/** By their paths, /memories itself left out: it is always there. */
export type Tree<Kept extends Entry = Entry> = ReadonlyMap<string, Kept>;

export type Change =
  | { kind: 'make'; path: string; text: string | null }
  | { kind: 'write'; path: string; text: string }
  | { kind: 'move'; path: string; to: string }
  | { kind: 'remove'; path: string };

export const ROOT = '/memories';
const LONGEST_PATH = 1_000;

/** What the model is told of a command that could not be done. */
export class TreeFailure extends Error {}

/** The path without `.`, `..` and empty parts. @throws TreeFailure for one that leaves the tree, even if it came back. */
export function resolvePath(given: string): string {
  if (given.length > LONGEST_PATH) throw new TreeFailure(`The path is too long: at most ${LONGEST_PATH} characters.`);
  const [empty, ...parts] = given.split('/');
  if (empty !== '' || parts[0] !== ROOT.slice(1))
    throw new TreeFailure(`Path must start with /memories, got: ${given}`);
  const kept: string[] = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.pop() === undefined) throw leaves(given);
  }
  if (kept[0] !== ROOT.slice(1)) throw leaves(given);
  return `/${kept.join('/')}`;
}

const leaves = (given: string) => new TreeFailure(`Path ${given} would escape /memories directory`);

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export const isWithin = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** Null where nothing is. @throws TreeFailure where a file stands in the way. */
export function find(tree: Tree, path: string): Entry | null {
  for (let above = parentOf(path); above.length > ROOT.length; above = parentOf(above))
    if (tree.get(above)?.text != null) throw new TreeFailure(`${above} is a file and no directory.`);
  return path === ROOT ? { text: null } : (tree.get(path) ?? null);
}

/** The folders above a path that are not there yet, from the top. */
export function missingAbove(tree: Tree, path: string): Change[] {
  const missing: Change[] = [];
  for (let above = parentOf(path); above.length > ROOT.length && !tree.has(above); above = parentOf(above))
    missing.unshift({ kind: 'make', path: above, text: null });
  return missing;
}

/** As the changes leave it. */
export function applied(tree: Tree, changes: readonly Change[]): Tree {
  const next = new Map(tree);
  for (const change of changes) {
    if (change.kind === 'make' || change.kind === 'write') next.set(change.path, { text: change.text });
    else {
      if (change.kind === 'move') next.set(change.to, next.get(change.path) as Entry);
      next.delete(change.path);
    }
  }
  return next;
}
