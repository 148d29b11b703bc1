import type { AccessService, Grants, Principal } from '#access';
import type { Clock } from '#kernel';
import type { Unit } from '#platform';
import { requiredId, wholeNumber, LIMITS } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory, MemoryRevision } from '../memory.js';
import { findHistory, findMemories, findSources, type ReadScope } from '../memory.repository.js';
import { parseFilter, type MemoryFilterInput } from './memory-filter.js';
import { countByPool, countMemories, listMemories } from './memories.repository.js';
import { pageCursor, parsePageCursor } from './page-cursor.js';

const MAX_REVISIONS = 1_000;

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
    const [found] = await this.byIds(caller, [requiredId(id, 'id')]);
    return found ?? null;
  }

  /** In the order of the ids, those left out that the caller may not see. */
  async byIds(caller: Principal, ids: readonly string[]): Promise<Memory[]> {
    return this.read(caller, async (unit, scope) => {
      const found = new Map((await findMemories(unit, scope, ids)).map((memory) => [memory.id, memory]));
      return ids.flatMap((id) => found.get(id) ?? []);
    });
  }

  /** Newest first. @throws BAD_INPUT naming the field. */
  async memories(caller: Principal, input: { filter?: MemoryFilterInput | null; first: number; after?: string | null }): Promise<MemoryPage> {
    const first = wholeNumber(input.first, 'first', 1, LIMITS.page);
    const after = parsePageCursor(input.after, 'after');
    return this.read(caller, async (unit, scope, grants) => {
      const filter = parseFilter(input.filter, 'filter', grants);
      const found = await listMemories(unit, scope, filter, { atMost: first + 1, after });
      return { memories: found.slice(0, first), hasNextPage: found.length > first, hasPreviousPage: after !== null };
    });
  }

  count(caller: Principal, filterInput: MemoryFilterInput | null | undefined): Promise<number> {
    return this.read(caller, (unit, scope, grants) => countMemories(unit, scope, parseFilter(filterInput, 'filter', grants)));
  }

  /** ACTIVE memories that the caller may read, by pool. */
  countByPool(caller: Principal): Promise<Map<string, number>> {
    return this.read(caller, (unit, scope) => countByPool(unit, scope));
  }

  /** Newest first; empty where the policy hides the content. */
  history(caller: Principal, memoryId: string): Promise<MemoryRevision[]> {
    return this.read(caller, (unit, scope) => findHistory(unit, scope, memoryId, MAX_REVISIONS));
  }

  /** The memories each was made from, as far as the caller may see them. */
  async sources(caller: Principal, memoryIds: readonly string[]): Promise<Map<string, Memory[]>> {
    return this.read(caller, async (unit, scope) => {
      const ids = await findSources(unit, scope, memoryIds);
      const found = new Map((await findMemories(unit, scope, [...new Set([...ids.values()].flat())])).map((memory) => [memory.id, memory]));
      return new Map([...ids].map(([id, sources]) => [id, sources.flatMap((source) => found.get(source) ?? [])]));
    });
  }

  cursorOf(memory: Memory): string {
    return pageCursor(memory.id);
  }

  private async read<Result>(caller: Principal, work: (unit: Unit, scope: ReadScope, grants: Grants) => Promise<Result>): Promise<Result> {
    const space = await this.index.space();
    return this.access.read(caller, (unit, grants) =>
      work(unit, { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space }, grants),
    );
  }
}
