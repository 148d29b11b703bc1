import { BetaLocalFilesystemMemoryTool } from '@anthropic-ai/sdk/tools/memory/node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { perform, type TreeCommand } from './commands.js';
import { applied, resolvePath, type Tree } from './tree.js';

/** The tool as its makers have it, in a folder: what ours is compared with, command by command. */
class Oracle {
  private constructor(
    private readonly folder: string,
    private readonly tool: BetaLocalFilesystemMemoryTool,
  ) {}

  static async in(folder: string): Promise<Oracle> {
    return new Oracle(folder, await BetaLocalFilesystemMemoryTool.init(folder));
  }

  async perform(command: TreeCommand): Promise<{ told: string | null; isError: boolean }> {
    try {
      const told = await (this.tool[command.command] as (given: TreeCommand) => Promise<string>)(command);
      return { told, isError: false };
    } catch (error) {
      // What the file system says is not in the tool's own words.
      const isOfDisk = (error as { code?: string }).code !== undefined;
      return { told: isOfDisk ? null : (error as Error).message, isError: true };
    }
  }

  async tree(): Promise<Record<string, string | null>> {
    const found = await fs.readdir(path.join(this.folder, 'memories'), { recursive: true, withFileTypes: true });
    const entries = found.map(async (entry) => {
      const full = path.join(entry.parentPath, entry.name);
      return [full.slice(this.folder.length), entry.isDirectory() ? null : await fs.readFile(full, 'utf8')] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }
}

const NAMES = ['a', 'b', 'a.txt', 'B', '.hidden', 'node_modules', '..', '.', ''];
const place = fc
  .array(fc.constantFrom('a', 'b', 'a', 'b', ...NAMES), { maxLength: 4 })
  .map((parts) => ['/memories', ...parts].join('/'));
const anyPath = fc.oneof(
  { weight: 20, arbitrary: place },
  {
    weight: 1,
    arbitrary: fc.constantFrom('/etc/passwd', 'memories/a', '/memories/../../etc', '/memories/a/../../../x', '/'),
  },
);
const line = fc.constantFrom('', 'one', 'two', 'one two', '  three', 'ä€😀', '$& $1', 'one one');
const someText = fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n'));
const command: fc.Arbitrary<TreeCommand> = fc.oneof(
  fc.record({ command: fc.constant('view' as const), path: anyPath }),
  fc.record({
    command: fc.constant('view' as const),
    path: anyPath,
    view_range: fc.tuple(fc.integer({ min: -1, max: 6 }), fc.integer({ min: -2, max: 6 })),
  }),
  ...Array.from({ length: 3 }, () =>
    fc.record({ command: fc.constant('create' as const), path: anyPath, file_text: someText }),
  ),
  fc.record({ command: fc.constant('str_replace' as const), path: anyPath, old_str: line, new_str: someText }),
  fc.record({
    command: fc.constant('insert' as const),
    path: anyPath,
    insert_line: fc.integer({ min: -1, max: 7 }),
    insert_text: fc.oneof(
      someText,
      someText.map((text) => `${text}\n`),
    ),
  }),
  fc.record({ command: fc.constant('delete' as const), path: anyPath }),
  fc.record({ command: fc.constant('rename' as const), old_path: anyPath, new_path: anyPath }),
);

/** What a folder takes depends on the disk. */
const withoutFolderSizes = (told: string) =>
  told.startsWith("Here're the files")
    ? told
        .split('\n')
        .map((one, n) => (n === 1 || one.endsWith('/') ? one.replace(/^\S+\t/, '-\t') : one))
        .join('\n')
    : told;

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'commonplace-tree-'));
});
afterAll(() => fs.rm(folder, { recursive: true }));

describe('the commands of a tree', () => {
  it("tell and do what the SDK's own tool does in a folder, whatever they are", async () => {
    let run = 0;
    const counts = { done: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25, size: 'max' }), async (commands) => {
        const oracle = await Oracle.in(path.join(folder, String(run++)));
        let tree: Tree = new Map();
        for (const one of commands) {
          const expected = await oracle.perform(one);
          const outcome = perform(tree, one);
          tree = applied(tree, outcome.changes);
          counts[outcome.isError ? 'refused' : 'done']++;
          const told = expected.told === null ? null : withoutFolderSizes(outcome.told);
          const wanted = expected.told === null ? null : withoutFolderSizes(expected.told);
          expect({ one, told, isError: outcome.isError }).toEqual({ one, told: wanted, isError: expected.isError });
          const kept = Object.fromEntries([...tree].map(([name, { text }]) => [name, text]));
          expect({ one, kept }).toEqual({ one, kept: await oracle.tree() });
        }
      }),
      { numRuns: 150 },
    );
    expect(counts.done).toBeGreaterThan(300);
    expect(counts.refused).toBeGreaterThan(300);
  }, 120_000);
});

describe('a command that is interrupted', () => {
  it('goes on where it was when it is given again, and leaves what it would have left', () => {
    let interrupted = 0;
    fc.assert(
      fc.property(fc.array(command, { minLength: 5, maxLength: 25, size: 'max' }), (commands) => {
        let tree: Tree = new Map();
        for (const one of commands) {
          const { changes, isError } = perform(tree, one);
          const whole = applied(tree, changes);
          for (let made = 1; made < changes.length && !isError; made++) {
            const part = applied(tree, changes.slice(0, made));
            const again = perform(part, one);
            expect({ one, told: again.told, isError: again.isError }).toMatchObject({ one, isError: false });
            expect(new Map([...applied(part, again.changes)].sort())).toEqual(new Map([...whole].sort()));
            interrupted++;
          }
          tree = whole;
        }
      }),
      { numRuns: 300 },
    );
    expect(interrupted).toBeGreaterThan(100);
  });

  it.each(['rename', 'delete'])('a %s of a folder is made from below', (name) => {
    const tree: Tree = new Map([
      ['/memories/a', { text: null }],
      ['/memories/a/b', { text: null }],
      ['/memories/a/b/c', { text: 'c' }],
      ['/memories/a/d', { text: 'd' }],
    ]);
    const whole: TreeCommand =
      name === 'rename'
        ? { command: 'rename', old_path: '/memories/a', new_path: '/memories/z' }
        : { command: 'delete', path: '/memories/a' };
    const { changes } = perform(tree, whole);
    expect(changes.map(({ path }) => path)).toEqual([
      '/memories/a/d',
      '/memories/a/b/c',
      '/memories/a/b',
      '/memories/a',
    ]);
  });
});

describe('a path', () => {
  it.each([
    '/memories/../x',
    '/memories/../../memories/a',
    '/memories/a/../../b',
    '/etc/passwd',
    'memories',
    '/memoriesx',
    '',
    '/memories/../..',
  ])('%s leaves the tree', (given) => {
    expect(() => resolvePath(given)).toThrow(/escape|must start/);
  });

  it.each([
    ['/memories', '/memories'],
    ['/memories/', '/memories'],
    ['/memories/a//b/./c/..', '/memories/a/b'],
    ['/memories/%2e%2e/x', '/memories/%2e%2e/x'],
    ['/memories/..\\x', '/memories/..\\x'],
  ])('%s is %s', (given, resolved) => {
    expect(resolvePath(given)).toBe(resolved);
  });
});
