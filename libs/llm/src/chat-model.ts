import type { z } from 'zod';

export interface ChatMessage {
  role: 'system' | 'user';
  content: string;
}

/** What an answer must look like: sent as a JSON schema, and held against what comes back. */
export interface Form<Answer> {
  /** Letters, digits and _ alone. */
  name: string;
  schema: z.ZodType<Answer>;
}

export interface ChatAnswer<Answer> {
  answer: Answer;
  /** How often the model was asked for it. */
  attempts: number;
}

/** A language model, asked with an end. */
export interface ChatModel {
  readonly model: string;
  /** The longest that one call takes, with all its attempts. */
  readonly withinMs: number;
  /** @throws ChatError */
  write(messages: readonly ChatMessage[]): Promise<ChatAnswer<string>>;
  /** @throws ChatError, also where nothing of the form came back */
  fill<Answer>(messages: readonly ChatMessage[], form: Form<Answer>): Promise<ChatAnswer<Answer>>;
}

/**
 * AWAY: no answer, or one that says "not now". LATE: none within its time. RESTING: it was not asked, since it failed before.
 * REFUSED: it does not take this request, and would not take it again. WRONG: half an answer, or none of the form.
 */
export type ChatFailure = 'AWAY' | 'LATE' | 'RESTING' | 'REFUSED' | 'WRONG';

export class ChatError extends Error {
  /** How long the model asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** How often it was asked in vain. */
  attempts = 0;

  constructor(
    readonly failure: ChatFailure,
    message: string,
    options?: ErrorOptions & { retryAfterMs?: number | undefined },
  ) {
    super(message, options);
    this.name = 'ChatError';
    this.retryAfterMs = options?.retryAfterMs;
  }
}

export const wrong = (message: string, cause?: unknown): ChatError => new ChatError('WRONG', message, { cause });
