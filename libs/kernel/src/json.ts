import { badInput } from './errors.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** Keys that reach for an object's prototype, or that CASL would read as a type. None has a use in data. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype', '__caslSubjectType__', '__typename']);

/** Of a key, where a refusal names it. */
const LONGEST_NAME = 64;

export interface JsonLimits {
  maxBytes: number;
  maxDepth: number;
}

export const JSON_OBJECT_LIMITS: JsonLimits = { maxBytes: 16_384, maxDepth: 16 };

/**
 * Copies an untrusted value into a fresh JSON object.
 * @throws BAD_INPUT naming `field` and the path inside it: not an object, too large, too deep, a forbidden key, a number
 * that is not finite, text with NUL or a lone surrogate.
 */
export function jsonObject(value: unknown, field: string, limits = JSON_OBJECT_LIMITS): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badInput(field, 'must be a JSON object');
  const copy = copyJson(value, field, limits.maxDepth) as JsonObject;
  const bytes = Buffer.byteLength(JSON.stringify(copy));
  if (bytes > limits.maxBytes) throw badInput(field, `is ${bytes} bytes as JSON; at most ${limits.maxBytes} are taken`);
  return copy;
}

function copyJson(value: unknown, field: string, depth: number): Json {
  if (depth < 0) throw badInput(field, 'is nested too deeply');
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return wellFormed(value, field);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw badInput(field, 'must be a finite number');
    return value;
  }
  if (Array.isArray(value)) return value.map((item, index) => copyJson(item, `${field}.${index}`, depth - 1));
  if (typeof value === 'object') {
    const copy: JsonObject = {};
    for (const key of Object.keys(value)) {
      const place = `${field}.${key.length > LONGEST_NAME ? `${key.slice(0, LONGEST_NAME)}…` : key}`;
      if (FORBIDDEN_KEYS.has(key)) throw badInput(place, 'is not a name that can be used');
      copy[wellFormed(key, field)] = copyJson((value as Record<string, unknown>)[key], place, depth - 1);
    }
    return copy;
  }
  throw badInput(field, 'must be JSON');
}

/** Postgres stores neither NUL nor half a surrogate pair; Node would replace the latter in silence. */
export function wellFormed(text: string, field: string): string {
  if (text.includes('\u0000')) throw badInput(field, 'holds a NUL character, which text cannot store');
  if (!text.isWellFormed()) throw badInput(field, 'holds half of a surrogate pair; send well-formed Unicode');
  return text;
}
