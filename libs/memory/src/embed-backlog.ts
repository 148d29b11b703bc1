import type { AccessService } from '#access';
import { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';
import { findContents, insertVectors, type Content } from './memory-index.repository.js';
import type { MemoryIndex, SpaceVector } from './memory-index.js';

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
    const { orgId } = this.access;
    const memories = await this.access.system('embed', (unit) => findContents(unit, orgId, memoryIds));
    if (memories.length === 0) return;
    const vectors = await this.index.embed(
      memories.map((memory) => memory.content),
      'nobody waits',
    );
    if (!vectors) throw new CommonplaceError('UNAVAILABLE', 'The embedder does not answer; the job is tried again.');
    await this.access.system('embed', (unit) => storeUnchanged(unit, orgId, memories, vectors));
  }
}

/** Another version may have been written while the model thought: that one has its own vector, or its own job. */
export async function storeUnchanged(
  unit: Unit,
  orgId: string,
  memories: readonly Content[],
  vectors: readonly SpaceVector[][],
): Promise<void> {
  const ids = memories.map((memory) => memory.id);
  const current = new Map((await findContents(unit, orgId, ids)).map((memory) => [memory.id, memory.content]));
  const fresh = memories.flatMap(({ id, poolId, content }, place) =>
    current.get(id) === content ? (vectors[place] ?? []).map((vector) => ({ ...vector, memoryId: id, poolId })) : [],
  );
  if (fresh.length) await insertVectors(unit, orgId, fresh);
}
