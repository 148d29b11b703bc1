import { find, isWithin, missingAbove, resolvePath, ROOT, TreeFailure, type Change, type Tree } from './tree.js';

/** The commands of memory_20250818. */
export type TreeCommand =
  | { command: 'view'; path: string; view_range?: number[] | undefined }
  | { command: 'create'; path: string; file_text: string }
  | { command: 'str_replace'; path: string; old_str: string; new_str: string }
  | { command: 'insert'; path: string; insert_line: number; insert_text: string }
  | { command: 'delete'; path: string }
  | { command: 'rename'; old_path: string; new_path: string };

export interface Outcome {
  told: string;
  isError: boolean;
  /** Also of a command that failed: folders may have been made on the way. */
  changes: Change[];
}

/**
 * What a command tells, and what it changes. In words and in deeds it is what the SDK's own tool does in a folder, as a test compares:
 * models have learned its answers.
 */
export function perform(tree: Tree, command: TreeCommand): Outcome {
  const changes: Change[] = [];
  try {
    return { told: run(tree, command, changes), isError: false, changes };
  } catch (error) {
    if (!(error instanceof TreeFailure)) throw error;
    return { told: error.message, isError: true, changes };
  }
}

function run(tree: Tree, command: TreeCommand, changes: Change[]): string {
  switch (command.command) {
    case 'view':
      return view(tree, command);
    case 'create':
      return create(tree, command, changes);
    case 'str_replace':
      return strReplace(tree, command, changes);
    case 'insert':
      return insert(tree, command, changes);
    case 'delete':
      return remove(tree, command, changes);
    case 'rename':
      return rename(tree, command, changes);
  }
}

type Of<Name extends TreeCommand['command']> = Extract<TreeCommand, { command: Name }>;

const LINE_NUMBER_WIDTH = 6;
const numbered = (lines: readonly string[], from: number): string =>
  lines.map((line, place) => `${String(from + place).padStart(LINE_NUMBER_WIDTH)}\t${line}`).join('\n');

const missing = (path: string) => new TreeFailure(`The path ${path} does not exist. Please provide a valid path.`);

function view(tree: Tree, { path, view_range }: Of<'view'>): string {
  const resolved = resolvePath(path);
  const entry = find(tree, resolved);
  if (!entry) throw missing(path);
  if (entry.text === null) return listing(tree, path, resolved);
  const lines = entry.text.split('\n');
  const [first, last] = view_range?.length === 2 ? (view_range as [number, number]) : [1, -1];
  const start = Math.max(1, first) - 1;
  const shown = lines.slice(start, last === -1 ? lines.length : last);
  return `Here's the content of ${path} with line numbers:\n${numbered(shown, start + 1)}`;
}

const DEPTH = 2;
/** What a folder takes on a disk; here it takes nothing. */
const FOLDER_SIZE = '4K';

function listing(tree: Tree, given: string, folder: string): string {
  const lines = [...tree]
    .filter(([path]) => isWithin(path, folder))
    .map(([path, { text }]) => ({ parts: path.slice(folder.length + 1).split('/'), text }))
    .filter(
      ({ parts }) => parts.length <= DEPTH && !parts.some((part) => part.startsWith('.') || part === 'node_modules'),
    )
    .sort((a, b) => byParts(a.parts, b.parts))
    .map(({ parts, text }) => {
      const name = `${given}/${parts.join('/')}`;
      return text === null ? `${FOLDER_SIZE}\t${name}/` : `${sizeOf(text)}\t${name}`;
    });
  const head = `Here're the files and directories up to 2 levels deep in ${given}, excluding hidden items and node_modules:`;
  return [head, `${FOLDER_SIZE}\t${given}`, ...lines].join('\n');
}

/** A folder, and then what is in it. */
function byParts(a: readonly string[], b: readonly string[]): number {
  const place = a.findIndex((part, n) => part !== b[n]);
  if (place < 0) return a.length - b.length;
  const other = b[place];
  return other === undefined ? 1 : (a[place] as string) < other ? -1 : 1;
}

function sizeOf(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes < 1024) return `${bytes}B`;
  const kilobytes = bytes / 1024;
  return `${Number.isInteger(kilobytes) ? kilobytes : kilobytes.toFixed(1)}K`;
}

function create(tree: Tree, { path, file_text }: Of<'create'>, changes: Change[]): string {
  const resolved = resolvePath(path);
  if (find(tree, resolved)) throw new TreeFailure(`File ${path} already exists`);
  changes.push(...missingAbove(tree, resolved), { kind: 'make', path: resolved, text: file_text });
  return `File created successfully at: ${path}`;
}

function textAt(tree: Tree, path: string): { resolved: string; text: string } {
  const resolved = resolvePath(path);
  const entry = find(tree, resolved);
  if (!entry) throw missing(path);
  if (entry.text === null) throw new TreeFailure(`The path ${path} is not a file.`);
  return { resolved, text: entry.text };
}

function strReplace(tree: Tree, { path, old_str, new_str }: Of<'str_replace'>, changes: Change[]): string {
  const { resolved, text: before } = textAt(tree, path);
  const matching = before.split('\n').flatMap((line, place) => (line.includes(old_str) ? [place + 1] : []));
  const [line, ...others] = matching;
  if (line === undefined)
    throw new TreeFailure(`No replacement was performed, old_str \`${old_str}\` did not appear verbatim in ${path}.`);
  if (others.length > 0)
    throw new TreeFailure(
      `No replacement was performed. Multiple occurrences of old_str \`${old_str}\` in lines: ${matching.join(', ')}. Please ensure it is unique`,
    );
  const text = before.replace(old_str, () => new_str);
  changes.push({ kind: 'write', path: resolved, text });
  const start = Math.max(0, line - 3);
  const snippet = numbered(text.split('\n').slice(start, line + 2), start + 1);
  return `The memory file has been edited. Here is the snippet showing the change (with line numbers):\n${snippet}`;
}

function insert(tree: Tree, { path, insert_line, insert_text }: Of<'insert'>, changes: Change[]): string {
  const { resolved, text: before } = textAt(tree, path);
  const lines = before.split('\n');
  if (insert_line < 0 || insert_line > lines.length)
    throw new TreeFailure(
      `Invalid \`insert_line\` parameter: ${insert_line}. It should be within the range of lines of the file: [0, ${lines.length}]`,
    );
  lines.splice(insert_line, 0, insert_text.replace(/\n$/, ''));
  changes.push({ kind: 'write', path: resolved, text: lines.join('\n') });
  return `The file ${path} has been edited.`;
}

/** From below: where a command is interrupted, what it is named by is still there, and the same command goes on. */
const allWithin = (tree: Tree, path: string): string[] =>
  [...tree.keys()]
    .filter((one) => one === path || isWithin(one, path))
    .sort()
    .reverse();

function remove(tree: Tree, { path }: Of<'delete'>, changes: Change[]): string {
  const resolved = resolvePath(path);
  if (resolved === ROOT) throw new TreeFailure('Cannot delete the /memories directory itself');
  if (!find(tree, resolved)) throw new TreeFailure(`The path ${path} does not exist`);
  changes.push(...allWithin(tree, resolved).map((one): Change => ({ kind: 'remove', path: one })));
  return `Successfully deleted ${path}`;
}

function rename(tree: Tree, { old_path, new_path }: Of<'rename'>, changes: Change[]): string {
  const [from, to] = [resolvePath(old_path), resolvePath(new_path)];
  const source = find(tree, from);
  if (from === ROOT) throw new TreeFailure('Cannot rename the /memories directory itself');
  if (find(tree, to)) throw new TreeFailure(`The destination ${new_path} already exists`);
  changes.push(...missingAbove(tree, to));
  if (isWithin(to, from)) throw new TreeFailure(`${old_path} cannot be moved into itself`);
  if (!source) throw new TreeFailure(`The path ${old_path} does not exist`);
  for (const one of allWithin(tree, from)) changes.push({ kind: 'move', path: one, to: to + one.slice(from.length) });
  return `Successfully renamed ${old_path} to ${new_path}`;
}
