import { wholeMs, type Attempts } from '#models';
import { z } from 'zod';
import { wrong, type ChatAnswer, type ChatMessage, type ChatModel, type Form } from './chat-model.js';
import type { ChatSource, SentForm } from './openai-chat.js';

/** A model made dependable: asked with an end, left alone while it fails, and believed only as far as its answer has the form. */
export class SteadyChat implements ChatModel {
  readonly model: string;
  readonly withinMs: number;

  constructor(
    private readonly source: ChatSource,
    private readonly attempts: Attempts,
    private readonly timeoutMs: number,
  ) {
    this.model = source.name;
    this.withinMs = wholeMs(timeoutMs);
  }

  write(messages: readonly ChatMessage[]): Promise<ChatAnswer<string>> {
    return this.attempts.run(this.timeoutMs, (signal) => this.source.ask(messages, undefined, signal));
  }

  fill<Answer>(messages: readonly ChatMessage[], form: Form<Answer>): Promise<ChatAnswer<Answer>> {
    const sent = sentForm(form);
    return this.attempts.run(this.timeoutMs, async (signal) =>
      read(await this.source.ask(messages, sent, signal), form),
    );
  }
}

/** What bounds a text, servers refuse in a strict schema; the answer is held against it here. */
const NOT_SENT = [
  '$schema',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
] as const;

function sentForm<Answer>({ name, schema }: Form<Answer>): SentForm {
  const sent: Record<string, unknown> = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      for (const word of NOT_SENT) Reflect.deleteProperty(jsonSchema, word);
    },
  });
  Reflect.deleteProperty(sent, '$schema');
  return { name, schema: sent };
}

function read<Answer>(text: string, { name, schema }: Form<Answer>): Answer {
  const parsed = schema.safeParse(json(text));
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map(({ path }) => path.join('.') || name).slice(0, 5);
  throw wrong(`the answer of the language model has not the form that was asked for, at ${places.join(', ')}`);
}

/** Some models put a fence around it all the same. */
function json(text: string): unknown {
  const bare = /^```(?:json)?\s*([\s\S]*?)\s*```$/.exec(text)?.[1] ?? text;
  try {
    return JSON.parse(bare);
  } catch (error) {
    throw wrong('the answer of the language model is no JSON', error);
  }
}
