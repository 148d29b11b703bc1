import type { DirectoryPool, Principal } from '#access';
import { badInput, CommonplaceError, newId } from '#kernel';
import { LIMITS, type Memory } from '#memory';
import { setTimeout } from 'node:timers/promises';
import { DoneInPart } from '../failures.js';
import type { ToolServices } from '../tool.js';
import { perform, type Outcome, type TreeCommand } from './commands.js';
import { resolvePath, TreeFailure, type Change, type Entry, type Tree } from './tree.js';

const MOST_ENTRIES = 500;
const PAGE = 100;
/** Another call of the same agent may come between reading and writing. */
const ATTEMPTS = 5;
/** How long one waits for another that gives way: a third of a second in all. */
const PAUSES_MS = [20, 40, 80, 160];
const LABEL = 'memory-file';
const BLANK = '(nothing but white space)';
const FOLDER = '(a folder)';

interface Kept extends Entry {
  id: string;
  version: number;
}

interface KeptEntry extends Entry {
  /** The oldest first: of several that came to one path, it has it. */
  kept: readonly Kept[];
}

/**
 * The tree of one agent: each file and each folder is a memory in the agent's private pool, and a change of it the memory's next
 * version. The path is in its metadata, so that a file that is renamed keeps its history.
 */
export class StoredTree {
  /** How many changes the command has made, in all its attempts. */
  private made = 0;

  constructor(
    private readonly services: ToolServices,
    private readonly caller: Principal,
    private readonly pause: (ms: number) => Promise<unknown> = setTimeout,
  ) {}

  /** @throws DoneInPart where some of the changes were made. */
  async run(command: TreeCommand): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(command);
      } catch (error) {
        if (!(error instanceof CommonplaceError)) throw error;
        if (error.code === 'CONFLICT' && attempt < ATTEMPTS) continue;
        throw this.made > 0 ? new DoneInPart(error) : error;
      }
    }
  }

  private async attempt(command: TreeCommand): Promise<Outcome> {
    const pool = await this.pool();
    const tree = await this.load(pool);
    const outcome = perform(tree, command);
    checkLimits(tree, outcome.changes);
    for (const change of outcome.changes) {
      if (change.kind === 'make') await this.make(change, pool);
      else await this.change(change, tree.get(change.path) as KeptEntry);
    }
    return outcome;
  }

  private async pool(): Promise<DirectoryPool> {
    const { pools } = await this.services.access.grants(this.caller);
    const own = pools.find(({ kind, ownerId }) => kind === 'AGENT' && ownerId === this.caller.id);
    if (!own)
      throw new CommonplaceError(
        'FORBIDDEN',
        'The tree of /memories is kept in the private pool of an agent, and you have none that you may use.',
      );
    return own;
  }

  /** All of it: it is small, and a listing needs no more than its paths. */
  private async load({ key }: DirectoryPool): Promise<Map<string, KeptEntry>> {
    const found: Memory[] = [];
    for (let after: string | null = null; found.length <= MOST_ENTRIES;) {
      const filter = { pools: [key], labels: [LABEL] };
      const page = await this.services.memories.memories(this.caller, { filter, first: PAGE, after });
      found.push(...page.memories);
      const last = page.memories.at(-1);
      if (!page.hasNextPage || !last) break;
      after = this.services.memories.cursorOf(last);
    }
    const tree = new Map<string, KeptEntry>();
    // They come newest first.
    for (const memory of found) {
      const path = pathOf(memory);
      if (path === null) continue;
      const one = { id: memory.id, version: memory.version, text: textOf(memory) };
      tree.set(path, { text: one.text, kept: [one, ...(tree.get(path)?.kept ?? [])] });
    }
    return tree;
  }

  /** @throws CONFLICT where another call came to the path too, and FORBIDDEN where it would wait for a review; then it is taken back. */
  private async make({ path, text }: Extract<Change, { kind: 'make' }>, pool: DirectoryPool): Promise<void> {
    // The entity is the file: two of the same content are two memories.
    const entityId = `${LABEL}:${newId()}`;
    const kept = { ...keptAs(path, text), labels: [LABEL], entityId };
    const input = { ...kept, pool: pool.key, type: 'DECLARATIVE' } as const;
    const { memory, outcome } = await this.services.memorize.memorize(this.caller, input);
    this.made++;
    const isFile = outcome === 'CREATED';
    if (isFile && (await this.hasPath(memory.id, path, pool))) return;
    await this.services.forget.forget(this.caller, memory.id, 'taken back in the tree of /memories');
    this.made--;
    if (isFile) throw new CommonplaceError('CONFLICT', `Another call is making ${path} at this moment. Call it again.`);
    throw new CommonplaceError(
      'FORBIDDEN',
      'What you write in your private pool is for a reviewer to decide on, and a file of the tree cannot wait: you need WRITE there.',
    );
  }

  /**
   * Only who sees nobody beside it has the path: of two calls the later commit sees the other one, so that no two have it, whatever
   * their ids. Where the other is younger it is waited for, since it gives way if it looks after us; it may have looked before.
   */
  private async hasPath(id: string, path: string, { key }: DirectoryPool): Promise<boolean> {
    const filter = { pools: [key], labels: [LABEL], metadata: { path } };
    for (let look = 0; ; look++) {
      const { memories } = await this.services.memories.memories(this.caller, { filter, first: PAGE });
      const others = memories.filter((one) => one.id !== id);
      if (others.length === 0) return true;
      const wait = PAUSES_MS[look];
      if (wait === undefined || others.some((one) => one.id < id)) return false;
      await this.pause(wait);
    }
  }

  /** The youngest first: what has the path keeps it until the others are gone. */
  private async change(change: Exclude<Change, { kind: 'make' }>, { kept }: KeptEntry): Promise<void> {
    const { revise, forget } = this.services;
    const changed = change.kind === 'write' ? kept.slice(0, 1) : kept.toReversed();
    for (const { id, version: expectedVersion, text } of changed) {
      if (change.kind === 'remove') await forget.forget(this.caller, id, 'deleted in the tree of /memories');
      else if (change.kind === 'write')
        await revise.revise(this.caller, { id, expectedVersion, ...keptAs(change.path, change.text) });
      else {
        const { metadata } = keptAs(change.to, text);
        const reason = `renamed from ${change.path}`;
        await revise.revise(this.caller, { id, expectedVersion, metadata, reason });
      }
      this.made++;
    }
  }
}

function checkLimits(tree: Tree, changes: readonly Change[]): void {
  if (tree.size + changes.filter(({ kind }) => kind === 'make').length > MOST_ENTRIES)
    throw new CommonplaceError(
      'QUOTA_EXCEEDED',
      `There may be ${MOST_ENTRIES} files and folders in the tree: delete some.`,
    );
  for (const change of changes) {
    if ('text' in change && change.text !== null && [...change.text].length > LIMITS.content)
      throw badInput('file_text', `would make a file of more than ${LIMITS.content} characters`);
  }
}

/** No memory is blank: a blank text stands beside it. */
function keptAs(path: string, text: string | null): { content: string; metadata: Record<string, string> } {
  if (text === null) return { content: FOLDER, metadata: { path, kind: 'folder' } };
  if (text.trim() === '') return { content: BLANK, metadata: { path, kind: 'blank', text } };
  return { content: text, metadata: { path, kind: 'file' } };
}

/** @throws FORBIDDEN where the text is hidden: taken for an empty one, it would be written over. */
function textOf({ content, metadata }: Memory): string | null {
  if (metadata?.['kind'] === 'folder') return null;
  if (metadata?.['kind'] === 'blank') return String(metadata['text']);
  if (content === null)
    throw new CommonplaceError('FORBIDDEN', 'The policy hides from you what files of your tree hold.');
  return content;
}

/** Null for what is no file of a tree, whoever gave it the label. */
function pathOf({ metadata }: Memory): string | null {
  const path = metadata?.['path'];
  if (typeof path !== 'string') return null;
  try {
    return resolvePath(path) === path ? path : null;
  } catch (error) {
    if (error instanceof TreeFailure) return null;
    throw error;
  }
}
