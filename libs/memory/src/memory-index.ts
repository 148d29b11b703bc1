import type { AccessService } from '#access';
import { EmbedderError, type Embedder } from '#embedding';
import { findSpace, makeSpace } from './memory-index.repository.js';
import type { IndexSpace } from './memory.repository.js';

/** Where the vectors of one model with one dimension live, and who makes them. Without an embedder there is none. */
export class MemoryIndex {
  private readonly spaces = new Map<number, Promise<string>>();

  constructor(
    private readonly access: AccessService,
    readonly embedder: Embedder | undefined,
  ) {}

  get configured(): boolean {
    return this.embedder !== undefined;
  }

  /** The space of the model's vectors, once one was seen; null before, and without an embedder. */
  async space(): Promise<IndexSpace | null> {
    if (!this.embedder) return null;
    const [known] = this.spaces.values();
    if (known) return { spaceId: await known };
    const stored = await this.access.system('find embedding space', (unit) => findSpace(unit, this.access.orgId, this.embedder?.model as string));
    if (!stored) return { spaceId: NO_SPACE };
    this.spaces.set(stored.dimensions, Promise.resolve(stored.spaceId));
    return { spaceId: stored.spaceId };
  }

  /** Vectors of the texts, or null where the embedder failed: a memory is stored without, and found by its words meanwhile. */
  async embed(texts: readonly string[]): Promise<number[][] | null> {
    if (!this.embedder || texts.length === 0) return null;
    try {
      const vectors = await this.embedder.embed(texts);
      await this.spaceFor(vectors[0]?.length ?? 0);
      return vectors;
    } catch (error) {
      if (error instanceof EmbedderError) return null;
      throw error;
    }
  }

  private spaceFor(dimensions: number): Promise<string> {
    const known = this.spaces.get(dimensions);
    if (known) return known;
    const made = this.access.system('make embedding space', (unit) => makeSpace(unit, this.access.orgId, this.embedder?.model as string, dimensions));
    this.spaces.set(dimensions, made);
    made.catch(() => this.spaces.delete(dimensions));
    return made;
  }
}

/** Matches no row: what is asked for before the first vector was made. */
const NO_SPACE = '00000000-0000-0000-0000-000000000000';
