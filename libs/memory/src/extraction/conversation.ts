import { badInput, type Clock, type JsonObject } from '#kernel';
import { createHash } from 'node:crypto';
import { boundedList, LIMITS, oneOf, optionalDate, optionalText, requiredText } from '../input.js';
import type { MemorizeInput } from '../memorize/memorize-command.js';
import { withoutRecalled } from '../recall/context.js';

export const MESSAGE_ROLES = ['USER', 'ASSISTANT', 'TOOL', 'SYSTEM'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

export interface Message {
  role: MessageRole;
  speaker?: string | null;
  content: string;
  createdAt?: Date | null;
}

/** What a client sends; nothing in it is trusted. */
export interface ConversationInput {
  pool?: string | null;
  messages: Message[];
  entityId?: string | null;
  sessionId?: string | null;
  labels?: string[] | null;
  expiresAt?: Date | null;
  idempotencyKey?: string | null;
}

export interface Conversation {
  /** One a message that holds more than what was recalled; `places` says which. */
  turns: MemorizeInput[];
  places: number[];
  idempotencyKey: string | null;
  inputHash: Buffer;
}

/** Stands where what was recalled was left out. */
const LEFT_OUT = '[recalled memories]';

/** @throws BAD_INPUT naming the field */
export function parseConversation(input: ConversationInput, clock: Clock): Conversation {
  const messages = boundedList(input.messages, 'input.messages', LIMITS.batch) as Message[];
  if (messages.length === 0) throw badInput('input.messages', 'is empty');
  const bytes = messages.reduce((sum, message) => sum + Buffer.byteLength(String(message?.content)), 0);
  if (bytes > LIMITS.batchBytes)
    throw badInput('input.messages', `have ${bytes} bytes of content together; at most ${LIMITS.batchBytes} are taken`);
  const read = messages.map((message, place) => parseMessage(message, `input.messages.${place}`, clock));
  const places = [...read.keys()].filter((place) => read[place]?.content !== LEFT_OUT);
  if (places.length === 0) throw badInput('input.messages', 'hold nothing but what was recalled');
  const { entityId, sessionId, pool, labels, expiresAt } = input;
  const turns = places.map((place): MemorizeInput => {
    const { content, speaker, role, createdAt } = read[place] as ReadMessage;
    const metadata: JsonObject = { role };
    const told = { content, speaker, validFrom: createdAt, metadata };
    return { ...told, type: 'EPISODIC', pool, entityId, sessionId, labels, expiresAt };
  });
  const idempotencyKey = optionalText(input.idempotencyKey, 'input.idempotencyKey', LIMITS.idempotencyKey);
  const inputHash = createHash('sha256').update(JSON.stringify(turns)).digest();
  return { turns, places, idempotencyKey, inputHash };
}

interface ReadMessage {
  content: string;
  speaker: string | null;
  role: MessageRole;
  createdAt: Date | null;
}

function parseMessage(message: Message, field: string, clock: Clock): ReadMessage {
  const given = requiredText(message?.content, `${field}.content`, LIMITS.content);
  const createdAt = optionalDate(message.createdAt, `${field}.createdAt`);
  if (createdAt && createdAt > clock.now()) throw badInput(`${field}.createdAt`, 'lies in the future');
  return {
    // What was recalled is remembered already: kept once more, it would be recalled as news of this conversation.
    content: withoutRecalled(given, LEFT_OUT).trim(),
    speaker: optionalText(message.speaker, `${field}.speaker`, LIMITS.speaker),
    role: oneOf(message.role, MESSAGE_ROLES, `${field}.role`),
    createdAt,
  };
}
