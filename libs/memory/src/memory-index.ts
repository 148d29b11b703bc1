import type { AccessService } from '#access';
import { EmbedderError, type Embedder } from '#embedding';
import { findSpace, makeSpace } from './memory-index.repository.js';
import type { IndexSpace } from './memory.repository.js';

/** Where the vectors of one model with one dimension live, and who makes them. Without an embedder there is none. */
export class MemoryIndex {
  /** The space of the newest vectors seen: a model that is configured to another dimension goes on in another space. */
  private current: { dimensions: number; spaceId: string } | undefined;

  constructor(
    private readonly access: AccessService,
    readonly embedder: Embedder | undefined,
    private readonly onFailure: (error: Error) => void,
  ) {}

  get configured(): boolean {
    return this.embedder !== undefined;
  }

  /** The space of the model's vectors, once one was seen; null before, and without an embedder. */
  async space(): Promise<IndexSpace | null> {
    if (!this.embedder) return null;
    if (!this.current) {
      const stored = await this.access.system('find embedding space', (unit) =>
        findSpace(unit, this.access.orgId, this.embedder?.model as string),
      );
      this.current ??= stored;
    }
    return { spaceId: this.current?.spaceId ?? NO_SPACE };
  }

  /** Vectors of the texts, or null where the embedder failed: a memory is stored without, and found by its words meanwhile. */
  async embed(texts: readonly string[]): Promise<number[][] | null> {
    if (!this.embedder || texts.length === 0) return null;
    try {
      const vectors = await this.embedder.embed(texts);
      await this.enterSpace(vectors[0]?.length ?? 0);
      return vectors;
    } catch (error) {
      if (!(error instanceof EmbedderError)) throw error;
      this.onFailure(error);
      return null;
    }
  }

  private async enterSpace(dimensions: number): Promise<void> {
    if (this.current?.dimensions === dimensions) return;
    const model = this.embedder?.model as string;
    const spaceId = await this.access.system('make embedding space', (unit) =>
      makeSpace(unit, this.access.orgId, model, dimensions),
    );
    this.current = { dimensions, spaceId };
  }
}

/** Matches no row: what is asked for before the first vector was made. */
const NO_SPACE = '00000000-0000-0000-0000-000000000000';
