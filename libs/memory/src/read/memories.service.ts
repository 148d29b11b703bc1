import type { AccessService, Grants, Principal } from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import type { Unit } from '#platform';
import { requiredId, wholeNumber, LIMITS } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory, MemoryRevision } from '../memory.js';
import { findHistories, findMemories, findSources, type ReadScope } from '../memory.repository.js';
import { parseFilter, type MemoryFilterInput } from './memory-filter.js';
import { countByPool, countMemories, findWriters, listMemories } from './memories.repository.js';
import { pageCursor, parsePageCursor } from './page-cursor.js';

/** Sources, or revisions, of all memories of one answer: each may have 32 KB of content. */
const MAX_RELATED = 500;

export interface MemoryPage {
  memories: Memory[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

/** Reading without ranking: one by its id, pages of many, counts, history and sources. */
export class MemoriesService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly clock: Clock,
  ) {}

  /** Null when there is none, or none that the caller may see. */
  async memory(caller: Principal, id: string): Promise<Memory | null> {
    const wanted = requiredId(id, 'id');
    const [found] = await this.read(caller, (unit, scope) => findMemories(unit, scope, [wanted]));
    return found ?? null;
  }

  /** Those that the caller may see. */
  async byIds(caller: Principal, ids: readonly string[]): Promise<Map<string, Memory>> {
    const found = await this.read(caller, (unit, scope) => findMemories(unit, scope, ids));
    return new Map(found.map((memory) => [memory.id, memory]));
  }

  /** Newest first. @throws BAD_INPUT naming the field. */
  async memories(
    caller: Principal,
    input: { filter?: MemoryFilterInput | null; first: number; after?: string | null },
  ): Promise<MemoryPage> {
    const first = wholeNumber(input.first, 'first', 1, LIMITS.page);
    const after = parsePageCursor(input.after, 'after');
    return this.read(caller, async (unit, scope, grants) => {
      const filter = parseFilter(input.filter, 'filter', grants);
      const found = await listMemories(unit, scope, filter, { atMost: first + 1, after });
      return { memories: found.slice(0, first), hasNextPage: found.length > first, hasPreviousPage: after !== null };
    });
  }

  count(caller: Principal, filterInput: MemoryFilterInput | null | undefined): Promise<number> {
    return this.read(caller, (unit, scope, grants) =>
      countMemories(unit, scope, parseFilter(filterInput, 'filter', grants)),
    );
  }

  /** ACTIVE memories that the caller may read, by pool. */
  countByPool(caller: Principal): Promise<Map<string, number>> {
    return this.read(caller, (unit, scope) => countByPool(unit, scope));
  }

  /**
   * The newest versions of each memory, newest first; none where the policy hides content or author.
   * @throws QUOTA_EXCEEDED when there are too many for one answer
   */
  async histories(caller: Principal, memoryIds: readonly string[]): Promise<Map<string, MemoryRevision[]>> {
    const revisions = await this.read(caller, (unit, scope) => findHistories(unit, scope, memoryIds, MAX_RELATED + 1));
    bounded(revisions.length);
    const byMemory = new Map<string, MemoryRevision[]>(memoryIds.map((id) => [id, []]));
    for (const { memoryId, ...revision } of revisions) byMemory.get(memoryId)?.push(revision);
    return byMemory;
  }

  /** By memory, who wrote the words that now stand; of those that were never revised, or hide it, nobody. */
  writers(caller: Principal, memoryIds: readonly string[]): Promise<Map<string, string>> {
    return this.read(caller, (unit, scope) => findWriters(unit, scope, memoryIds));
  }

  /** The memories each was made from, as far as the caller may see them. @throws QUOTA_EXCEEDED as histories does. */
  async sources(caller: Principal, memoryIds: readonly string[]): Promise<Map<string, Memory[]>> {
    return this.read(caller, async (unit, scope) => {
      const ids = await findSources(unit, scope, memoryIds);
      const all = [...new Set([...ids.values()].flat())];
      bounded(all.length);
      const found = new Map((await findMemories(unit, scope, all)).map((memory) => [memory.id, memory]));
      return new Map([...ids].map(([id, sources]) => [id, sources.flatMap((source) => found.get(source) ?? [])]));
    });
  }

  cursorOf(memory: Memory): string {
    return pageCursor(memory.id);
  }

  private async read<Result>(
    caller: Principal,
    work: (unit: Unit, scope: ReadScope, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    const space = await this.index.space();
    return this.access.read(caller, (unit, grants) =>
      work(unit, { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space }, grants),
    );
  }
}

function bounded(count: number): void {
  if (count <= MAX_RELATED) return;
  throw new CommonplaceError(
    'QUOTA_EXCEEDED',
    `The answer would hold more than ${MAX_RELATED} sources or revisions; ask for fewer memories at once.`,
  );
}
