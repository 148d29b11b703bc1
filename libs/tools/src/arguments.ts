import { IMPORTANCES, MEMORY_TYPES } from '#access';
import { badInput, JSON_OBJECT_LIMITS, jsonObject } from '#kernel';
import { LIMITS } from '#memory';
import { z } from 'zod';
import { quoted } from './quoted.js';
import type { Tool } from './tool.js';

/** Counted in code points, as JSON Schema and the services count. */
export const text = (most: number, description: string) =>
  z
    .string({ error: ({ input }) => (input === undefined ? 'is missing' : 'must be text') })
    .regex(/\S/, 'is empty')
    .refine((value) => value.length <= most || [...value].length <= most, `is too long: at most ${most} characters`)
    .meta({ description, maxLength: most });

export const wholeNumber = (least: number, most: number, description: string) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, error).max(most, error).meta({ description });
};

export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words, description: string) =>
  z.enum(words, { error: `must be one of ${words.join(', ')}` }).meta({ description });

type Lower<Words extends readonly string[]> = { [Place in keyof Words]: Lowercase<Words[Place]> };
const lower = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  words.map((word) => word.toLowerCase()) as unknown as Lower<Words> & [string, ...string[]];

export const memoryType = oneOf(
  lower(MEMORY_TYPES),
  'episodic: something that happened. declarative: a fact. procedural: how to do something.',
);
export const importance = oneOf(lower(IMPORTANCES), 'How much it matters later.');
export const memoryId = text(64, 'The id of the memory, as remember shows it.');
export const pool = text(64, 'The key of a pool, as list_pools shows it.');
export const userId = text(LIMITS.entityId, 'Whom or what it is about: a user, a project or another entity.');

const MOST_PROBLEMS = 5;
/** The longest content of a memory fits in, escaped. */
const ROOM = { maxBytes: 256 * 1024, maxDepth: JSON_OBJECT_LIMITS.maxDepth };

/** An optional argument that is null is one that was left out: so models that must fill in every argument say it. */
function withoutNulls(given: Record<string, unknown>, { shape }: z.ZodObject): Record<string, unknown> {
  const isLeftOut = ([name, value]: [string, unknown]) =>
    value === null && Object.hasOwn(shape, name) && z.safeParse(shape[name] as z.ZodType, undefined).success;
  return Object.fromEntries(Object.entries(given).filter((entry) => !isLeftOut(entry)));
}

/** @throws BAD_INPUT that names each argument which is wrong, and what is taken in its place. */
export function parseArguments({ name, arguments: schema }: Tool, given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw badInput('arguments', `must be an object: ${name} takes ${taken(schema)}`);
  const parsed = schema.safeParse(withoutNulls(given as Record<string, unknown>, schema));
  // Each argument has its limit by now, and none is more than text or a number: what is left is text that nothing can store.
  if (parsed.success) return jsonObject(parsed.data, 'arguments', ROOM);
  const problems = parsed.error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? `${issue.keys.slice(0, MOST_PROBLEMS).map(quoted).join(', ')}: not taken; ${name} takes ${taken(schema)}`
      : `${issue.path.join('.')}: ${issue.message}`,
  );
  const [first, ...others] = problems.slice(0, MOST_PROBLEMS) as [string, ...string[]];
  const [field = 'arguments', problem = first] = first.split(/: (.*)/s);
  throw badInput(field, [problem, ...others].join('\n'));
}

const taken = ({ shape }: z.ZodObject): string => Object.keys(shape).join(', ') || 'no arguments';
