import type { EmbeddingConfig } from '#platform';
import { circuitBreaker, ConsecutiveBreaker, handleAll, type CircuitBreakerPolicy } from 'cockatiel';
import type { OpenAI } from 'openai';
import { checkVectors, EmbedderError, type Embedder } from './embedder.js';

const MAX_BATCH = 100;
const MAX_TEXT = 8_192; // about what the common models read; the rest of a longer text is found by its words
const OPEN_AFTER_FAILURES = 5;
const HALF_OPEN_AFTER_MS = 10_000;

/** Any server that answers as OpenAI's /embeddings does. After five failures in a row it is left alone for ten seconds. */
export class OpenAiEmbedder implements Embedder {
  readonly model: string;
  private readonly breaker: CircuitBreakerPolicy;
  private client: Promise<OpenAI> | undefined;
  private dimensions: number | undefined;

  constructor(private readonly config: EmbeddingConfig) {
    this.model = config.model;
    this.dimensions = config.dimensions;
    this.breaker = circuitBreaker(handleAll, {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new ConsecutiveBreaker(OPEN_AFTER_FAILURES),
    });
  }

  async embed(texts: readonly string[]): Promise<number[][]> {
    const vectors: number[][] = [];
    for (let from = 0; from < texts.length; from += MAX_BATCH) {
      const batch = texts.slice(from, from + MAX_BATCH).map((text) => text.slice(0, MAX_TEXT));
      vectors.push(...(await this.embedBatch(batch)));
    }
    return vectors;
  }

  private async embedBatch(batch: string[]): Promise<number[][]> {
    try {
      return await this.breaker.execute(() => this.ask(batch));
    } catch (error) {
      if (error instanceof EmbedderError) throw error;
      throw new EmbedderError(`the embedder failed: ${(error as Error).message}`, { cause: error });
    }
  }

  private async ask(batch: string[]): Promise<number[][]> {
    const client = await (this.client ??= this.connect());
    const { dimensions } = this.config;
    const answer = await client.embeddings.create(
      { model: this.model, input: batch, encoding_format: 'float', ...(dimensions ? { dimensions } : {}) },
      { timeout: this.config.timeoutMs, signal: AbortSignal.timeout(this.config.timeoutMs) },
    );
    const ordered = [...answer.data].sort((a, b) => a.index - b.index).map((item) => item.embedding);
    const vectors = checkVectors(ordered, batch.length, this.dimensions);
    this.dimensions ??= vectors[0]?.length;
    return vectors;
  }

  /** Loaded when first used: most brokers have no embedder, and the package is slow to load. */
  private async connect(): Promise<OpenAI> {
    const openai = await import('openai');
    return new openai.OpenAI({ baseURL: this.config.baseUrl, apiKey: this.config.apiKey ?? 'none', maxRetries: 0 });
  }
}
