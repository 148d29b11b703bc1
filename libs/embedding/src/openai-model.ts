import type { OpenAI } from 'openai';
import { EmbedderError, wrong } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';

export interface OpenAiAccess {
  model: string;
  /** Sent with each request where it is given; most models have one length only, and refuse to be asked for it. */
  dimensions: number | undefined;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}

/** Of these texts, another try would be answered alike; 404 is an unknown model, and stands for a server that is not ready. */
const REFUSED = new Set([400, 413, 422]);
const MAX_RETRY_AFTER_MS = 60_000;

/** Any server that answers as OpenAI's /embeddings does. */
export class OpenAiModel implements EmbeddingModel {
  private client: Promise<OpenAI> | undefined;

  constructor(private readonly access: OpenAiAccess) {}

  get name(): string {
    return this.access.model;
  }

  async ask(texts: readonly string[], signal: AbortSignal): Promise<unknown> {
    const client = await (this.client ??= this.connect());
    const { model, dimensions } = this.access;
    try {
      const answer = await client.embeddings.create(
        { model, input: [...texts], encoding_format: 'float', ...(dimensions ? { dimensions } : {}) },
        { signal },
      );
      return inOrder(answer.data, texts.length);
    } catch (error) {
      throw asEmbedderError(error, signal);
    }
  }

  /** Loaded when first used: most brokers have no embedder, and the package is slow to load. */
  private async connect(): Promise<OpenAI> {
    const openai = await import('openai');
    return new openai.OpenAI({
      baseURL: this.access.baseUrl,
      apiKey: this.access.apiKey ?? 'none',
      maxRetries: 0,
      logLevel: 'off',
    });
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

function asEmbedderError(error: unknown, signal: AbortSignal): EmbedderError {
  if (error instanceof EmbedderError) return error;
  if (signal.aborted) return new EmbedderError('LATE', 'the embedder did not answer in time', { cause: error });
  const { status, headers, message } = error as { status?: number; headers?: Headers; message?: string };
  if (status !== undefined && REFUSED.has(status))
    return new EmbedderError('REFUSED', `the embedder refused the texts with ${status}`, { cause: error });
  if (status !== undefined)
    return new EmbedderError('AWAY', `the embedder answered ${status}`, {
      cause: error,
      retryAfterMs: status === 429 || status === 503 ? retryAfter(headers?.get('retry-after')) : undefined,
    });
  if ((error as Error).name === 'SyntaxError')
    return new EmbedderError('WRONG', 'the answer is no JSON', { cause: error });
  return new EmbedderError('AWAY', `the embedder failed: ${message ?? 'without a word'}`, { cause: error });
}

/** Seconds, or a date. */
export function retryAfter(header: string | null | undefined, now = Date.now()): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}
