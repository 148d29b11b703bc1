import type { OpenAI } from 'openai';
import { ModelError, type Subject } from './model-error.js';

const MAX_RETRY_AFTER_MS = 60_000;

/** Any server that answers as OpenAI's does. */
export interface OpenAiServer {
  baseUrl: string | undefined;
  apiKey: string | undefined;
}

/** Loaded when first used: many brokers have no model, and the package is slow to load. It makes one attempt a request. */
export async function connectOpenAi({ baseUrl, apiKey }: OpenAiServer): Promise<OpenAI> {
  const openai = await import('openai');
  return new openai.OpenAI({ baseURL: baseUrl, apiKey: apiKey ?? 'none', maxRetries: 0, logLevel: 'off' });
}

/** @param refused what another try would be answered alike */
export function asModelError(
  error: unknown,
  signal: AbortSignal,
  { who, Failed, refused }: Subject & { refused: ReadonlySet<number> },
): ModelError {
  if (error instanceof ModelError) return error;
  if (signal.aborted) return new Failed('LATE', `${who} did not answer in time`, { cause: error });
  const { status, headers, message, name } = error as {
    status?: number;
    headers?: Headers;
    message?: string;
    name?: string;
  };
  if (status !== undefined && refused.has(status))
    return new Failed('REFUSED', `${who} refused the request with ${status}`, { cause: error });
  if (status !== undefined)
    return new Failed('AWAY', `${who} answered ${status}`, {
      cause: error,
      retryAfterMs: status === 429 || status === 503 ? retryAfter(headers?.get('retry-after')) : undefined,
    });
  if (name === 'SyntaxError') return new Failed('WRONG', `the answer of ${who} is no JSON`, { cause: error });
  return new Failed('AWAY', `${who} cannot be reached: ${message ?? 'without a word'}`, { cause: error });
}

/** Seconds, or a date. */
export function retryAfter(header: string | null | undefined, now = Date.now()): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}
