import { ModelError, type ModelFailure, type Subject } from '#models';
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

export type ChatFailure = Exclude<ModelFailure, 'MISSING'>;

export class ChatError extends ModelError {}

export const CHAT: Subject = { who: 'the language model', Failed: ChatError };

export const wrong = (message: string, cause?: unknown): ChatError => new ChatError('WRONG', message, { cause });
