import type { OpenAI } from 'openai';
import { ChatError, wrong, type ChatMessage } from './chat-model.js';

export interface OpenAiAccess {
  model: string;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}

/** The form that an answer must have, as it is sent. */
export interface SentForm {
  name: string;
  schema: Record<string, unknown>;
}

/** One attempt to have an answer. */
export interface ChatSource {
  readonly name: string;
  /** @returns the whole text of the answer; nobody has looked at it. @throws ChatError */
  ask(messages: readonly ChatMessage[], form: SentForm | undefined, signal: AbortSignal): Promise<string>;
}

/** Another try would be answered alike: of the request, of its size, of the key, of a model that is not there. */
const REFUSED = new Set([400, 401, 403, 404, 413, 422]);
const MAX_RETRY_AFTER_MS = 60_000;
const MAX_ANSWER_TOKENS = 4_096;

/** Any server that answers as OpenAI's /chat/completions does. */
export class OpenAiChat implements ChatSource {
  private client: Promise<OpenAI> | undefined;

  constructor(private readonly access: OpenAiAccess) {}

  get name(): string {
    return this.access.model;
  }

  async ask(messages: readonly ChatMessage[], form: SentForm | undefined, signal: AbortSignal): Promise<string> {
    const client = await (this.client ??= this.connect());
    try {
      const answer = await client.chat.completions.create(
        {
          model: this.access.model,
          messages: messages.map(({ role, content }) => ({ role, content })),
          max_completion_tokens: MAX_ANSWER_TOKENS,
          ...(form && { response_format: { type: 'json_schema', json_schema: { ...form, strict: true } } }),
        },
        { signal },
      );
      return textOf(answer);
    } catch (error) {
      throw asChatError(error, signal);
    }
  }

  /** Loaded when first used: many brokers have no model, and the package is slow to load. */
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

interface Choice {
  finish_reason?: unknown;
  message?: { content?: unknown; refusal?: unknown };
}

/** Nothing of it is trusted: the server may be any. */
function textOf(answer: unknown): string {
  const choices = (answer as { choices?: unknown } | null)?.choices;
  const choice = Array.isArray(choices) ? (choices[0] as Choice | null) : null;
  if (choice?.message?.refusal) throw new ChatError('REFUSED', 'the language model declined to answer');
  if (choice?.finish_reason === 'content_filter')
    throw new ChatError('REFUSED', 'the filter of the language model held the answer back');
  if (choice?.finish_reason === 'length') throw wrong('the answer of the language model ends in the middle');
  const text = choice?.message?.content;
  if (typeof text !== 'string' || text.trim() === '') throw wrong('the answer of the language model holds no text');
  return text.trim().replaceAll('\u0000', '').toWellFormed();
}

function asChatError(error: unknown, signal: AbortSignal): ChatError {
  if (error instanceof ChatError) return error;
  if (signal.aborted) return new ChatError('LATE', 'the language model did not answer in time', { cause: error });
  const { status, headers, message, name } = error as {
    status?: number;
    headers?: Headers;
    message?: string;
    name?: string;
  };
  if (status !== undefined && REFUSED.has(status))
    return new ChatError('REFUSED', `the language model refused the request with ${status}`, { cause: error });
  if (status !== undefined)
    return new ChatError('AWAY', `the language model answered ${status}`, {
      cause: error,
      retryAfterMs: status === 429 || status === 503 ? retryAfter(headers?.get('retry-after')) : undefined,
    });
  if (name === 'SyntaxError') return wrong('the answer of the language model is no JSON', error);
  return new ChatError('AWAY', `the language model cannot be reached: ${message ?? 'without a word'}`, {
    cause: error,
  });
}

/** Seconds, or a date. */
function retryAfter(header: string | null | undefined): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}
