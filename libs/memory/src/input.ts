import { IMPORTANCES, MEMORY_TYPES, type Importance, type MemoryType } from '#access';
import { badInput, isId, jsonObject, wellFormed, type JsonObject } from '#kernel';

/** Limits of what is taken in; README and the schema's descriptions give the same numbers. */
export const LIMITS = {
  content: 32_768,
  query: 8_192,
  entityId: 256,
  sessionId: 256,
  speaker: 200,
  labels: 32,
  label: 64,
  derivedFrom: 100,
  idempotencyKey: 200,
  reason: 1_000,
  batch: 100,
  batchBytes: 1_048_576,
  page: 100,
  pools: 100,
  ids: 100,
} as const;

/** Text of 1 to `most` characters (Unicode code points). @throws BAD_INPUT naming `field`. */
export function requiredText(value: unknown, field: string, most: number): string {
  if (typeof value !== 'string') throw badInput(field, 'must be text');
  if (value.trim() === '') throw badInput(field, 'is empty');
  const length = value.length > most ? [...value].length : value.length;
  if (length > most) throw badInput(field, `has ${length} characters; at most ${most} are taken`);
  return wellFormed(value, field);
}

export function optionalText(value: unknown, field: string, most: number): string | null {
  return value === undefined || value === null ? null : requiredText(value, field, most);
}

export function memoryType(value: unknown, field: string): MemoryType {
  return oneOf(value, MEMORY_TYPES, field);
}

export function importance(value: unknown, field: string): Importance {
  return oneOf(value, IMPORTANCES, field);
}

export function oneOf<Value extends string>(value: unknown, allowed: readonly Value[], field: string): Value {
  if (!allowed.includes(value as Value)) throw badInput(field, `must be one of ${allowed.join(', ')}`);
  return value as Value;
}

export function labels(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return [];
  const list = boundedList(value, field, LIMITS.labels).map((label, index) =>
    requiredText(label, `${field}.${index}`, LIMITS.label),
  );
  return [...new Set(list)];
}

export function metadata(value: unknown, field: string): JsonObject | null {
  return value === undefined || value === null ? null : jsonObject(value, field);
}

export function idList(value: unknown, field: string, most: number): string[] {
  const list = boundedList(value ?? [], field, most);
  return [...new Set(list.map((id, index) => requiredId(id, `${field}.${index}`)))];
}

export function requiredId(value: unknown, field: string): string {
  if (typeof value !== 'string' || !isId(value)) throw badInput(field, 'is not an id');
  return value.toLowerCase();
}

export function boundedList(value: unknown, field: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw badInput(field, 'must be a list');
  if (value.length > most) throw badInput(field, `has ${value.length} items; at most ${most} are taken`);
  return value;
}

/** A moment that Postgres and JavaScript both know: years 1 to 9999. */
export function optionalDate(value: unknown, field: string): Date | null {
  if (value === undefined || value === null) return null;
  const year = value instanceof Date ? value.getUTCFullYear() : NaN;
  if (!(year >= 1 && year <= 9999)) throw badInput(field, 'must be a time between the years 1 and 9999');
  return value as Date;
}

export function wholeNumber(value: unknown, field: string, least: number, most: number): number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw badInput(field, `must be a whole number from ${least} to ${most}`);
  }
  return value as number;
}
