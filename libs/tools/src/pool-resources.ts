import type { DirectoryPool, Principal } from '#access';
import { isId } from '#kernel';
import type { Memory } from '#memory';
import type { ToolServices } from './tool.js';
import { tellMemories } from './told-memories.js';

const PAGE = 100;
const NEWEST = 50;
/** What a program that puts a resource into a prompt can bear. */
const MOST_CHARACTERS = 64 * 1024;

export interface PoolResource {
  key: string;
  description: string;
}

/** Readable pools as documents, for programs that show or attach them: the newest memories of each, as the caller may see them. */
export class PoolResources {
  constructor(private readonly services: ToolServices) {}

  /** By their keys. @param after the key behind which to go on */
  async list(
    caller: Principal,
    after: string | undefined,
  ): Promise<{ pools: PoolResource[]; next: string | undefined }> {
    const readable = (await this.readable(caller))
      .filter(({ key }) => after === undefined || key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const pools = readable.slice(0, PAGE).map(({ key, description }) => ({
      key,
      description: description ?? `The newest memories of the pool ${key}.`,
    }));
    return { pools, next: readable.length > PAGE ? pools.at(-1)?.key : undefined };
  }

  /** Null for a pool that is not there or not readable. */
  async pool(caller: Principal, key: string): Promise<string | null> {
    if (!(await this.readable(caller)).some((pool) => pool.key === key)) return null;
    const { memories, hasNextPage } = await this.services.memories.memories(caller, {
      filter: { pools: [key] },
      first: NEWEST,
    });
    if (memories.length === 0) return `The pool ${key} has no memories that you may read.`;
    const fitting = thatFit(memories);
    const more = hasNextPage || fitting.length < memories.length;
    const head = `The newest memories of the pool ${key}, the newest first${more ? '; there are more: search them with remember' : ''}.`;
    return `${head}\n${await tellMemories(this.services, caller, fitting)}`;
  }

  /** Null for a memory that is not there or not the caller's to see. */
  async memory(caller: Principal, id: string): Promise<string | null> {
    const memory = isId(id) ? await this.services.memories.memory(caller, id) : null;
    return memory && tellMemories(this.services, caller, [memory]);
  }

  /** Asked in a unit of work: a revoked key is not told which pools there are. */
  private readable(caller: Principal): Promise<DirectoryPool[]> {
    return this.services.access.read(caller, (_, { pools, readFilter }) => {
      const ids = new Set(readFilter.poolIds);
      return Promise.resolve(pools.filter(({ id }) => ids.has(id)));
    });
  }
}

function thatFit(memories: readonly Memory[]): Memory[] {
  let left = MOST_CHARACTERS;
  const place = memories.findIndex(({ content }) => (left -= content?.length ?? 0) < 0);
  return place < 0 ? [...memories] : memories.slice(0, place);
}
