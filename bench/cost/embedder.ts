import { Child } from '../feed/child.js';
import { DIMENSIONS } from './stub-embedding.js';

/** The model that costs next to nothing, served as OpenAI serves theirs. */
export class StubEmbedder {
  private constructor(
    private readonly child: Child,
    readonly url: string,
  ) {}

  static async start(): Promise<StubEmbedder> {
    const child = new Child('../cost/embedder-process.js', {});
    return new StubEmbedder(child, (await child.answer('ready')) as string);
  }

  /** What a broker is told to use it. */
  get variables(): Record<string, string> {
    return {
      EMBEDDING_MODEL: 'bench',
      EMBEDDING_DIMENSIONS: String(DIMENSIONS),
      EMBEDDING_TIMEOUT_MS: '30000',
      OPENAI_BASE_URL: this.url,
      OPENAI_API_KEY: 'none',
    };
  }

  close(): Promise<void> {
    return this.child.close();
  }
}
