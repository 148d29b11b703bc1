import { asModelError, connectOpenAi, type OpenAiServer } from '#models';
import type { OpenAI } from 'openai';
import { CHAT, ChatError, wrong, type ChatMessage } from './chat-model.js';

export interface OpenAiAccess extends OpenAiServer {
  model: string;
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
const MAX_ANSWER_TOKENS = 4_096;

/** Any server that answers as OpenAI's /chat/completions does. */
export class OpenAiChat implements ChatSource {
  private client: Promise<OpenAI> | undefined;

  constructor(private readonly access: OpenAiAccess) {}

  get name(): string {
    return this.access.model;
  }

  async ask(messages: readonly ChatMessage[], form: SentForm | undefined, signal: AbortSignal): Promise<string> {
    const client = await (this.client ??= connectOpenAi(this.access));
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
      throw asModelError(error, signal, { ...CHAT, refused: REFUSED });
    }
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
