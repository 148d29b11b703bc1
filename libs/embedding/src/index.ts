export { checkVectors, EmbedderError, type Embedder, type EmbedderFailure, type Patience } from './embedder.js';
export { createEmbedders, type EmbedderKind, type Embedders } from './embedders.js';
