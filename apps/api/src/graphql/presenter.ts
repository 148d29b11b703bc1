import { AccessService } from '#access';
import type { FeedEvent } from '#feed';
import { CommonplaceError } from '#kernel';
import type { Memorized, MemorizedMany, Memory, RecallHit, RecallResult } from '#memory';
import { Injectable } from '@nestjs/common';
import type { PoolModel } from './directory.model.js';
import type {
  MemorizeManyPayload,
  MemorizePayload,
  MemoryEventModel,
  MemoryModel,
  RecallHitModel,
  RecallResultModel,
} from './memory.model.js';

/** From what the services answer to what clients see. */
@Injectable()
export class Presenter {
  constructor(private readonly access: AccessService) {}

  async memory(memory: Memory): Promise<MemoryModel> {
    const pool = await this.pool(memory.poolId);
    // A field behind a spread takes a microsecond in Node.js 20, one before it almost nothing.
    return { pool, ...memory };
  }

  memories(memories: readonly Memory[]): Promise<MemoryModel[]> {
    return Promise.all(memories.map((memory) => this.memory(memory)));
  }

  /** What is made when it is asked for stays so: few ask for the explanations, and some not for the context. */
  async recall(result: RecallResult): Promise<RecallResultModel> {
    const { degraded, policyVersion, searchedPools } = result;
    return {
      hits: await Promise.all(result.hits.map((hit) => this.hit(hit))),
      get context() {
        return result.context;
      },
      degraded,
      policyVersion,
      searchedPools,
    };
  }

  async memorized({ memory, outcome, indexed }: Memorized): Promise<MemorizePayload> {
    return { memory: await this.memory(memory), outcome, indexed };
  }

  async memorizedMany({ results, failures }: MemorizedMany): Promise<MemorizeManyPayload> {
    return {
      results: await Promise.all(results.map((result) => this.memorized(result))),
      failures: failures.map(({ index, error }) => ({ index, code: error.code, message: error.message })),
    };
  }

  async event(event: FeedEvent): Promise<MemoryEventModel> {
    const memory = event.memory && (await this.memory(event.memory));
    return { ...event, memory };
  }

  private async hit(hit: RecallHit): Promise<RecallHitModel> {
    const { rank, score, repeats } = hit;
    return {
      memory: await this.memory(hit.memory),
      rank,
      score,
      get explanation() {
        return hit.explanation;
      },
      repeats,
    };
  }

  async pool(id: string): Promise<PoolModel> {
    const pool = await this.access.pool(id);
    if (!pool) throw new CommonplaceError('INTERNAL', `pool ${id} is not in the directory`);
    return pool as unknown as PoolModel;
  }
}
