import type { EmbeddingConfig } from '#platform';
import { EmbedderAttempts } from './attempts.js';
import { EmbedderError, type Embedder } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';
import { LOCAL_MODEL, LocalModel } from './local-model.js';
import { OpenAiModel } from './openai-model.js';
import { SteadyEmbedder } from './steady-embedder.js';
import { VectorCache } from './vector-cache.js';

/** One model with one dimension. */
export interface EmbedderKind {
  model: string;
  dimensions: number;
  /** The length that is asked for by name; null where the model is to give what it gives. */
  askedDimensions: number | null;
}

/** Makes the embedder that is configured, and those whose vectors are still stored, by the names of their models. */
export interface Embedders {
  readonly model: string;
  /** As it is configured. */
  readonly askedDimensions: number | null;
  of(kind: EmbedderKind): Embedder;
  /** How long the vectors of the configured model are. @throws EmbedderError */
  measure(): Promise<number>;
}

const MEASURES = ['one memory', 'another memory'];

/** @param load the package of local models; tests bring their own */
export class ConfiguredEmbedders implements Embedders {
  private readonly cache = new VectorCache();
  /** A local model is loaded once, whoever asks it. */
  private readonly sources = new Map<string, EmbeddingModel>();
  private readonly measuring: EmbedderAttempts;

  constructor(
    private readonly config: EmbeddingConfig,
    private readonly load?: ConstructorParameters<typeof LocalModel>[1],
  ) {
    this.measuring = new EmbedderAttempts(config.timeoutMs);
  }

  get model(): string {
    return this.config.model;
  }

  get askedDimensions(): number | null {
    return this.config.dimensions ?? null;
  }

  of({ model, dimensions, askedDimensions }: EmbedderKind): Embedder {
    const source = this.source(model, askedDimensions ?? undefined);
    return new SteadyEmbedder(source, dimensions, new EmbedderAttempts(this.config.timeoutMs), this.cache);
  }

  /** Two requests must agree: by the first answer alone, one fault could have everything embedded anew. */
  async measure(): Promise<number> {
    const source = this.source(this.model, this.config.dimensions);
    const embedder = new SteadyEmbedder(source, this.config.dimensions, this.measuring, new VectorCache(0));
    const lengths: number[] = [];
    for (const text of MEASURES) lengths.push((await embedder.embed([text]))[0]?.length ?? 0);
    if (lengths[0] === 0 || lengths[0] !== lengths[1])
      throw new EmbedderError(
        'WRONG',
        `${this.model} answers with vectors of different lengths: ${lengths.join(', ')}`,
      );
    return lengths[0] as number;
  }

  private source(model: string, dimensions: number | undefined): EmbeddingModel {
    if (!LOCAL_MODEL.test(model)) return new OpenAiModel({ ...this.config, model, dimensions });
    const source = this.sources.get(model) ?? new LocalModel(model, this.load);
    this.sources.set(model, source);
    return source;
  }
}

export const createEmbedders = (config: EmbeddingConfig | undefined): Embedders | undefined =>
  config && new ConfiguredEmbedders(config);
