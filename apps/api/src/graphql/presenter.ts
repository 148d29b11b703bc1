import { AccessService } from '#access';
import type { FeedEvent } from '#feed';
import { CommonplaceError } from '#kernel';
import type { Memorized, MemorizedMany, Memory, RecallResult } from '#memory';
import { Injectable } from '@nestjs/common';
import type { PoolModel } from './directory.model.js';
import type {
  MemorizeManyPayload,
  MemorizePayload,
  MemoryEventModel,
  MemoryModel,
  RecallResultModel,
} from './memory.model.js';

/** From what the services answer to what clients see. */
@Injectable()
export class Presenter {
  constructor(private readonly access: AccessService) {}

  async memory(memory: Memory): Promise<MemoryModel> {
    const { poolId, ...rest } = memory;
    return { ...rest, pool: await this.pool(poolId) };
  }

  memories(memories: readonly Memory[]): Promise<MemoryModel[]> {
    return Promise.all(memories.map((memory) => this.memory(memory)));
  }

  async recall({ hits, ...rest }: RecallResult): Promise<RecallResultModel> {
    return {
      ...rest,
      hits: await Promise.all(hits.map(async (hit) => ({ ...hit, memory: await this.memory(hit.memory) }))),
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

  async event({ memory, ...event }: FeedEvent): Promise<MemoryEventModel> {
    return { ...event, memory: memory && (await this.memory(memory)) };
  }

  async pool(id: string): Promise<PoolModel> {
    const pool = await this.access.pool(id);
    if (!pool) throw new CommonplaceError('INTERNAL', `pool ${id} is not in the directory`);
    return pool as unknown as PoolModel;
  }
}
