import { asModelError, connectOpenAi, type OpenAiServer } from '#models';
import type { OpenAI } from 'openai';
import { EMBEDDER, wrong } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';

export interface OpenAiAccess extends OpenAiServer {
  model: string;
  /** Sent with each request where it is given; most models have one length only, and refuse to be asked for it. */
  dimensions: number | undefined;
}

/** Of these texts, another try would be answered alike; 404 is an unknown model, and stands for a server that is not ready. */
const REFUSED = new Set([400, 413, 422]);

/** Any server that answers as OpenAI's /embeddings does. */
export class OpenAiModel implements EmbeddingModel {
  private client: Promise<OpenAI> | undefined;

  constructor(private readonly access: OpenAiAccess) {}

  get name(): string {
    return this.access.model;
  }

  async ask(texts: readonly string[], signal: AbortSignal): Promise<unknown> {
    const client = await (this.client ??= connectOpenAi(this.access));
    const { model, dimensions } = this.access;
    try {
      const answer = await client.embeddings.create(
        { model, input: [...texts], encoding_format: 'float', ...(dimensions ? { dimensions } : {}) },
        { signal },
      );
      return inOrder(answer.data, texts.length);
    } catch (error) {
      throw asModelError(error, signal, { ...EMBEDDER, refused: REFUSED });
    }
  }
}

/** By `index`, where the server says one: it need not answer in the order of the texts, and must not say a place twice. */
function inOrder(items: unknown, texts: number): unknown[] {
  if (!Array.isArray(items)) throw wrong('the answer holds no list of vectors');
  const entries = items as { index?: unknown; embedding?: unknown }[];
  if (entries.length !== texts) throw wrong(`${texts} texts were sent and ${entries.length} vectors came back`);
  if (entries.every((entry) => entry?.index === undefined)) return entries.map((entry) => entry?.embedding);
  const ordered = new Array<unknown>(texts).fill(undefined);
  const seen = new Set<number>();
  for (const { index, embedding } of entries) {
    const place = index as number;
    if (!Number.isInteger(place) || place < 0 || place >= texts || seen.has(place))
      throw wrong(
        `the answer's index ${String(place).slice(0, 20)} stands for no text, or for one that has a vector already`,
      );
    seen.add(place);
    ordered[place] = embedding;
  }
  return ordered;
}
