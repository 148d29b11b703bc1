import type { EmbeddingConfig } from '#platform';
import type { Embedder } from './embedder.js';

export { checkVectors, EmbedderError, type Embedder } from './embedder.js';

/** Loaded only where one is configured: most brokers have none. */
export async function createEmbedder(config: EmbeddingConfig | undefined): Promise<Embedder | undefined> {
  if (!config) return undefined;
  const { OpenAiEmbedder } = await import('./openai-embedder.js');
  return new OpenAiEmbedder(config);
}
