import type { EmbedderAttempts } from './attempts.js';
import { Batcher, slices } from './batcher.js';
import { checkVectors, EmbedderError, type Embedder, type Patience } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';
import { cacheKey, VectorCache } from './vector-cache.js';

/** About what the common models read; the rest of a longer text is found by its words. */
const MAX_TEXT = 8_192;
/** A text that the model refuses is tried shorter, down to this: in some scripts a character is several of its tokens. */
const MIN_TEXT = 1_024;
/** What no model refuses: it tells a text that is refused from a request that always is. */
const HARMLESS = 'memory';

type Vector = number[] | null;

/** A model made dependable: asked with an end, left alone while it fails, never twice for the same text at once. */
export class SteadyEmbedder implements Embedder {
  readonly model: string;
  /** Apart, for a question must not wait for the import that came with it. */
  private readonly singles: Batcher<Vector>;
  private readonly many: Batcher<Vector>;
  private readonly underWay = new Map<string, Promise<Vector>>();

  /** @param dimensions undefined takes what comes: for measuring only */
  constructor(
    private readonly source: EmbeddingModel,
    private readonly dimensions: number | undefined,
    private readonly attempts: EmbedderAttempts,
    private readonly cache = new VectorCache(),
  ) {
    this.model = source.name;
    const send = (texts: readonly string[]) => this.askAll(texts, 'somebody waits');
    this.singles = new Batcher(send);
    this.many = new Batcher(send);
  }

  async embed(texts: readonly string[], patience: Patience = 'somebody waits'): Promise<Vector[]> {
    const read = texts.map((text) => beginning(text, MAX_TEXT));
    // The backlog's texts come by the hundred, once each: they would only push out what is asked for again.
    return patience === 'nobody waits' ? this.askAll(read, patience) : this.embedOnce(read);
  }

  private embedOnce(texts: readonly string[]): Promise<Vector[]> {
    const keys = texts.map((text) => cacheKey(this.model, this.dimensions, text));
    const found = new Map<string, Promise<Vector>>();
    const fresh = new Map<string, string>();
    keys.forEach((key, place) => {
      const kept = this.cache.get(key);
      const known = kept ? Promise.resolve(kept) : this.underWay.get(key);
      if (known) found.set(key, known);
      else fresh.set(key, texts[place] as string);
    });
    for (const [key, vector] of this.begin(fresh)) found.set(key, vector);
    return Promise.all(keys.map((key) => found.get(key) as Promise<Vector>));
  }

  private begin(fresh: ReadonlyMap<string, string>): [string, Promise<Vector>][] {
    if (fresh.size === 0) return [];
    const answer = (fresh.size === 1 ? this.singles : this.many).ask([...fresh.values()]);
    return [...fresh.keys()].map((key, place) => {
      const vector = answer.then((vectors) => vectors[place] as Vector);
      this.underWay.set(key, vector);
      const keep = (made: Vector) => {
        if (made) this.cache.set(key, made);
      };
      // Who asked hears of the failure.
      void vector.then(keep, () => undefined).finally(() => this.underWay.delete(key));
      return [key, vector];
    });
  }

  private async askAll(texts: readonly string[], patience: Patience): Promise<Vector[]> {
    const vectors: Vector[] = [];
    for (const slice of slices(texts)) vectors.push(...(await this.askSlice(slice, patience)));
    return vectors;
  }

  private async askSlice(texts: readonly string[], patience: Patience): Promise<Vector[]> {
    try {
      return await this.ask(texts, patience);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.assertTakesAny(patience, error);
      return this.askApart(texts, patience);
    }
  }

  /** One text must not keep the others from their vectors: halves are asked for until it is found. */
  private async askApart(texts: readonly string[], patience: Patience): Promise<Vector[]> {
    if (texts.length === 1) return [await this.askShorter(texts[0] as string, patience)];
    const middle = texts.length >> 1;
    const vectors: Vector[] = [];
    for (const half of [texts.slice(0, middle), texts.slice(middle)]) {
      try {
        vectors.push(...(await this.ask(half, patience)));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        vectors.push(...(await this.askApart(half, patience)));
      }
    }
    return vectors;
  }

  private async askShorter(text: string, patience: Patience): Promise<Vector> {
    for (let length = text.length >> 1; length >= MIN_TEXT; length >>= 1) {
      try {
        return (await this.ask([beginning(text, length)], patience))[0] as number[];
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    return null;
  }

  /** @throws EmbedderError where the refusal was not about the texts: a wrong model name, a length that it does not offer */
  private async assertTakesAny(patience: Patience, refusal: EmbedderError): Promise<void> {
    try {
      await this.ask([HARMLESS], patience);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw new EmbedderError('AWAY', `${refusal.message}, and every other text too: look at its name and dimensions`, {
        cause: refusal,
      });
    }
  }

  private ask(texts: readonly string[], patience: Patience): Promise<number[][]> {
    return this.attempts.run(patience, async (signal) =>
      checkVectors(await this.source.ask(texts, signal), texts.length, this.dimensions),
    );
  }
}

const isRefusal = (error: unknown): error is EmbedderError =>
  error instanceof EmbedderError && error.failure === 'REFUSED';

/** Not in the middle of a character that takes two places. */
function beginning(text: string, length: number): string {
  const cut = text.slice(0, length);
  return /[\ud800-\udbff]$/.test(cut) && text.length > length ? cut.slice(0, -1) : cut;
}
