import type { AccessService } from '#access';
import { CommonplaceError } from '#kernel';
import { findContents, insertVectors } from './memory-index.repository.js';
import type { MemoryIndex } from './memory-index.js';

export interface EmbedJob {
  memoryIds: string[];
}

/** Makes the vectors that could not be made in time. A job fails whole while the embedder does, and is tried again. */
export class EmbedBacklog {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
  ) {}

  async embed({ memoryIds }: EmbedJob): Promise<void> {
    const memories = await this.access.system('embed', (unit) => findContents(unit, this.access.orgId, memoryIds));
    if (memories.length === 0) return;
    const vectors = await this.index.embed(memories.map((memory) => memory.content));
    const space = await this.index.space();
    if (!vectors || !space)
      throw new CommonplaceError('UNAVAILABLE', 'The embedder does not answer; the job is tried again.');
    await this.access.system('embed', async (unit) => {
      // Another version may have been written while the model thought: its own job makes its own vector.
      const current = new Map(
        (await findContents(unit, this.access.orgId, memoryIds)).map((memory) => [memory.id, memory.content]),
      );
      const fresh = memories.flatMap(({ id, poolId, content }, place) =>
        current.get(id) === content ? [{ memoryId: id, poolId, embedding: vectors[place] as number[] }] : [],
      );
      await insertVectors(unit, this.access.orgId, space.spaceId, fresh);
    });
  }
}
