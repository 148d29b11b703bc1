import type { AccessService } from '#access';
import { EmbedderError, type Embedders, type Patience } from '#embedding';
import type { IndexSpace } from './memory.repository.js';
import { EmbeddingSpaces } from './spaces/embedding-spaces.js';
import type { Space } from './spaces/spaces.repository.js';
import { SearchCosts } from './vectors/search-costs.js';

/** A vector and the space that it stands in. */
export interface SpaceVector {
  spaceId: string;
  embedding: number[];
}

/** Makes the vectors of memories and queries. Without an embedder there are none, and recall goes by words. */
export class MemoryIndex {
  /** Whether the embedder failed since this was last asked: something may be without its vector. */
  private failed = false;

  readonly spaces: EmbeddingSpaces | undefined;

  constructor(
    access: AccessService,
    embedders: Embedders | undefined,
    private readonly onFailure: (error: Error) => void,
    private readonly costs = new SearchCosts(),
  ) {
    this.spaces = embedders && new EmbeddingSpaces(access, embedders);
  }

  get configured(): boolean {
    return this.spaces !== undefined;
  }

  /** The space that is searched; one that matches nothing before the first vector was made; null without an embedder. */
  async space(): Promise<IndexSpace | null> {
    if (!this.spaces) return null;
    return { spaceId: (await this.spaces.live()).current?.spaceId ?? NO_SPACE };
  }

  /** The query's vector and the space that it may be compared in: of one model, also while another takes its place. */
  async query(text: string): Promise<{ vector: number[] | null; space: IndexSpace | null }> {
    if (!this.spaces) return { vector: null, space: null };
    const current = await this.current();
    const made = current && (await this.vectors(current, [text], 'somebody waits'));
    return {
      vector: made?.[0] ?? null,
      space: { spaceId: current?.spaceId ?? NO_SPACE, exactFactor: this.costs.exactFactor },
    };
  }

  /**
   * Of each text one vector a space: the one that is searched and the one that is being built. One that could not be made is left
   * out; the memory is stored without, and found by its words meanwhile.
   * @returns null where no embedder answered
   */
  async embed(texts: readonly string[], patience: Patience = 'somebody waits'): Promise<SpaceVector[][] | null> {
    if (!this.spaces || texts.length === 0) return null;
    const current = await this.current();
    const { building } = await this.spaces.live();
    const spaces = [current, building].filter((space) => space !== undefined);
    const made = await Promise.all(spaces.map((space) => this.vectors(space, texts, patience)));
    if (made.every((vectors) => vectors === undefined)) return null;
    return texts.map((_, place) =>
      spaces.flatMap(({ spaceId }, of) => {
        const embedding = made[of]?.[place];
        return embedding ? [{ spaceId, embedding }] : [];
      }),
    );
  }

  /** Once, and then not until the next failure. */
  takeFailed(): boolean {
    const failed = this.failed;
    this.failed = false;
    return failed;
  }

  private async current(): Promise<Space | undefined> {
    const spaces = this.spaces as EmbeddingSpaces;
    const { current } = await spaces.live();
    if (current) return current;
    await this.attempt(() => spaces.settle());
    return (await spaces.live()).current;
  }

  private vectors(
    space: Space,
    texts: readonly string[],
    patience: Patience,
  ): Promise<(number[] | null)[] | undefined> {
    return this.attempt(async () => (await this.spaces?.embedder(space))?.embed(texts, patience));
  }

  private async attempt<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof EmbedderError)) throw error;
      this.failed = true;
      // Why it is left alone was told when it failed.
      if (error.failure !== 'RESTING') this.onFailure(error);
      return undefined;
    }
  }
}

/** Whether it can be found by its meaning in the space that is searched. */
export const isIn = (space: IndexSpace | null, vectors: readonly SpaceVector[]): boolean =>
  space === null || vectors.some((vector) => vector.spaceId === space.spaceId);

/** Matches no row: what is asked for before the first vector was made. */
const NO_SPACE = '00000000-0000-0000-0000-000000000000';
