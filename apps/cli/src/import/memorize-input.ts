import { isoInstant } from './iso-time.js';
import { LineProblem } from './problems.js';

export const MEMORY_TYPES = ['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'] as const;
export const IMPORTANCES = ['LOW', 'MEDIUM', 'HIGH'] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];
export type Importance = (typeof IMPORTANCES)[number];

/** The contract's input of memorize and memorizeMany. */
export interface MemorizeInput {
  content: string;
  pool?: string;
  type: MemoryType;
  entityId?: string;
  sessionId?: string;
  speaker?: string;
  importance?: Importance;
  labels?: string[];
  metadata?: Record<string, unknown>;
  validFrom?: string;
  expiresAt?: string;
  derivedFrom?: string[];
  idempotencyKey?: string;
}

const LONGEST_CONTENT = 32_768;
const FIELDS = new Set([
  'content',
  'pool',
  'type',
  'entityId',
  'sessionId',
  'speaker',
  'importance',
  'labels',
  'metadata',
  'validFrom',
  'expiresAt',
  'derivedFrom',
  'idempotencyKey',
]);

export const isMemoryType = (value: unknown): value is MemoryType => MEMORY_TYPES.includes(value as MemoryType);

/** A line that already has the shape of MemorizeInput, checked as far as a client can; null fields count as left out. */
export function ownShape(record: Record<string, unknown>, assumeUtc: boolean): MemorizeInput {
  const input: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    if (!FIELDS.has(name)) {
      throw new LineProblem(`${name} is not a field of MemorizeInput; to map other fields use --content and the like`);
    }
    if (value !== null) input[name] = value;
  }
  for (const name of ['validFrom', 'expiresAt']) {
    if (input[name] !== undefined) input[name] = isoInstant(input[name], name, assumeUtc);
  }
  return checkedInput(input);
}

/** Code points, as the broker counts them: an emoji is one, where its length in JavaScript is two. */
const characters = (text: string): number => (text.length <= LONGEST_CONTENT ? text.length : [...text].length);

/** @throws LineProblem where the broker would refuse the input for its content, type or importance. */
export function checkedInput(input: Record<string, unknown>): MemorizeInput {
  const { content, type, importance } = input;
  if (typeof content !== 'string') throw new LineProblem('content is missing or is not a text');
  if (content.length < 1) throw new LineProblem('content is empty');
  const length = characters(content);
  if (length > LONGEST_CONTENT) {
    throw new LineProblem(`content has ${length} characters; at most ${LONGEST_CONTENT} are taken`);
  }
  if (!isMemoryType(type)) throw new LineProblem(`type must be one of ${MEMORY_TYPES.join(', ')}`);
  if (importance !== undefined && !IMPORTANCES.includes(importance as Importance)) {
    throw new LineProblem(`importance must be one of ${IMPORTANCES.join(', ')}`);
  }
  return input as unknown as MemorizeInput;
}
