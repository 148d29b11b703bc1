import type { Principal } from '#access';
import type { CommonplaceError } from '#kernel';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ToolServices } from '../tool.js';
import type { TreeCommand } from './commands.js';
import { StoredTree } from './stored-tree.js';

const CALLER = { id: 'annie' } as Principal;
const PLANS = '/memories/plans';
const TODAY = `${PLANS}/today.md`;

interface Stored {
  id: string;
  version: number;
  content: string;
  metadata: { path: string };
}

/** A pool whose statements are done in any order, and whose memories' ids need not be in the order in which they are stored. */
class Pool {
  readonly services: ToolServices;
  readonly stored = new Map<string, Stored>();

  constructor(
    private readonly scheduler: fc.Scheduler,
    ids: readonly string[],
  ) {
    const left = [...ids];
    const later = <Args extends unknown[], Result>(done: (...args: Args) => Result) =>
      scheduler.scheduleFunction((...args: Args) => Promise.resolve(done(...args)));
    this.services = {
      access: { grants: () => Promise.resolve({ pools: [{ key: 'own', kind: 'AGENT', ownerId: CALLER.id }] }) },
      memorize: {
        memorize: later((_: Principal, { content, metadata }: Stored) => {
          const memory = { id: left.pop() as string, version: 1, content, metadata };
          this.stored.set(memory.id, memory);
          return { memory, outcome: 'CREATED' };
        }),
      },
      memories: {
        memories: later((_: Principal, { filter }: { filter: { metadata?: { path: string } } }) => {
          const asked = ({ metadata }: Stored) => !filter.metadata || metadata.path === filter.metadata.path;
          const memories = [...this.stored.values()].filter(asked).sort((a, b) => (a.id < b.id ? 1 : -1));
          return { memories, hasNextPage: false };
        }),
      },
      forget: { forget: later((_: Principal, id: string) => this.stored.delete(id)) },
      revise: {
        revise: later((_: Principal, { id, metadata }: Stored) => {
          const before = this.stored.get(id) as Stored;
          this.stored.set(id, { ...before, version: before.version + 1, metadata });
        }),
      },
    } as unknown as ToolServices;
  }

  run(command: TreeCommand): Promise<string> {
    return new StoredTree(this.services, CALLER, () => this.scheduler.schedule(Promise.resolve())).run(command).then(
      ({ told }) => told,
      (error: CommonplaceError) => error.code ?? `done in part: ${error.message}`,
    );
  }

  get paths(): string[] {
    return [...this.stored.values()].map(({ metadata }) => metadata.path).sort();
  }

  textsAt(path: string): string[] {
    return [...this.stored.values()].filter(({ metadata }) => metadata.path === path).map(({ content }) => content);
  }
}

const IDS = Array.from({ length: 40 }, (_, n) => `id-${String(n).padStart(2, '0')}`);
const anyOrder = fc.shuffledSubarray(IDS, { minLength: IDS.length });
const inOrder = fc.constant(IDS.toReversed());

it('of calls that make one file at once at most one is told that it did, and its text is what is there', async () => {
  const counts = { created: 0, existing: 0 };
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.oneof(anyOrder, inOrder), async (scheduler, ids) => {
      const pool = new Pool(scheduler, ids);
      const texts = ['one', 'two', 'three'];
      const calls = texts.map((file_text) => pool.run({ command: 'create', path: TODAY, file_text }));
      const told = await scheduler.waitFor(Promise.all(calls));
      const created = texts.filter((_, n) => told[n]?.startsWith('File created'));
      counts.created += created.length;
      counts.existing += told.filter((one) => one.endsWith('already exists')).length;
      expect({ told, texts: pool.textsAt(TODAY) }).toEqual({ told, texts: created });
      expect(created.length).toBeLessThanOrEqual(1);
      expect(pool.textsAt(PLANS).length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
  expect(Math.min(counts.created, counts.existing)).toBeGreaterThan(100);
});

const at = (path: string, content: string) => ({ version: 1, content, metadata: { path, kind: 'file' } });

it.each([
  ['delete', { command: 'delete', path: TODAY }, []],
  [
    'rename',
    { command: 'rename', old_path: TODAY, new_path: '/memories/old.md' },
    ['/memories/old.md', '/memories/old.md'],
  ],
] as const)('a %s takes along all that came to the path, so that none of them comes back', async (_, command, left) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const pool = new Pool(scheduler, IDS);
      for (const id of ['id-1', 'id-2']) pool.stored.set(id, { id, ...at(TODAY, id) });
      await scheduler.waitFor(pool.run(command));
      expect(pool.paths).toEqual(left);
      const shown = await scheduler.waitFor(pool.run({ command: 'view', path: '/memories/old.md' }));
      expect(shown).toContain(left.length > 0 ? '\tid-1' : 'does not exist');
    }),
    { numRuns: 5 },
  );
});
