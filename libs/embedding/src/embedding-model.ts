/** One attempt to have vectors made: what comes back has not been looked at. */
export interface EmbeddingModel {
  readonly name: string;
  /** @throws EmbedderError; what else it throws is a fault of this program */
  ask(texts: readonly string[], signal: AbortSignal): Promise<unknown>;
}
