import type { Importance, MemoryType } from '#access';
import { badInput, type Clock, type JsonObject } from '#kernel';
import { hash } from 'node:crypto';
import {
  idList,
  importance,
  labels,
  LIMITS,
  memoryType,
  metadata,
  optionalDate,
  optionalText,
  requiredText,
} from '../input.js';

/** What a client sends; nothing in it is trusted. */
export interface MemorizeInput {
  content: string;
  pool?: string | null;
  type: MemoryType;
  entityId?: string | null;
  sessionId?: string | null;
  speaker?: string | null;
  importance?: Importance | null;
  labels?: string[] | null;
  metadata?: unknown;
  validFrom?: Date | null;
  expiresAt?: Date | null;
  derivedFrom?: string[] | null;
  idempotencyKey?: string | null;
}

/** An input that was checked. */
export interface MemorizeCommand {
  content: string;
  pool: string | null;
  type: MemoryType;
  entityId: string | null;
  sessionId: string | null;
  speaker: string | null;
  importance: Importance;
  labels: string[];
  metadata: JsonObject | null;
  validFrom: Date | null;
  expiresAt: Date | null;
  derivedFrom: string[];
  idempotencyKey: string | null;
}

/** @throws BAD_INPUT naming the field below `path`. */
export function parseMemorize(input: MemorizeInput, path: string, clock: Clock): MemorizeCommand {
  const field = (name: string) => `${path}.${name}`;
  const expiresAt = optionalDate(input.expiresAt, field('expiresAt'));
  if (expiresAt && expiresAt <= clock.now()) throw badInput(field('expiresAt'), 'must lie in the future');
  return {
    content: requiredText(input.content, field('content'), LIMITS.content),
    pool: optionalText(input.pool, field('pool'), 64),
    type: memoryType(input.type, field('type')),
    entityId: optionalText(input.entityId, field('entityId'), LIMITS.entityId),
    sessionId: optionalText(input.sessionId, field('sessionId'), LIMITS.sessionId),
    speaker: optionalText(input.speaker, field('speaker'), LIMITS.speaker),
    importance: importance(input.importance ?? 'MEDIUM', field('importance')),
    labels: labels(input.labels, field('labels')),
    metadata: metadata(input.metadata, field('metadata')),
    validFrom: optionalDate(input.validFrom, field('validFrom')),
    expiresAt,
    derivedFrom: idList(input.derivedFrom, field('derivedFrom'), LIMITS.derivedFrom),
    idempotencyKey: optionalText(input.idempotencyKey, field('idempotencyKey'), LIMITS.idempotencyKey),
  };
}

/**
 * What makes two memories of a pool the same: content and entity. The same sentence about two entities is two facts.
 * @param scope an author, to keep what a write-only caller stores apart from what it cannot read
 */
export function contentHash(
  command: Pick<MemorizeCommand, 'content' | 'entityId'>,
  scope: string | null = null,
): Buffer {
  return hash('sha256', JSON.stringify([scope, command.entityId, command.content]), 'buffer');
}

/** Two requests under one idempotency key are the same when everything in them is. */
export function inputHash(command: MemorizeCommand): Buffer {
  return hash('sha256', JSON.stringify(command), 'buffer');
}

/** As inputHash, of a request of many, each with its place: what was refused for its form says nothing. */
export function requestHash(inputs: readonly { index: number; command: MemorizeCommand }[]): Buffer {
  return hash('sha256', JSON.stringify(inputs.map(({ index, command }) => [index, command])), 'buffer');
}
