export { checkVectors, EmbedderError, type Embedder } from './embedder.js';
export { OpenAiEmbedder } from './openai-embedder.js';
