import { type Position, type SourceLine } from './lines.js';
import { mapLine, valueAt, type Mapping } from './mapping.js';
import { type MemorizeInput } from './memorize-input.js';
import { LineProblem } from './problems.js';

export const LARGEST_BATCH = 100;
/** Of the request's JSON, well below the broker's limit for a body. */
const BATCH_BYTES = 600_000;
const ALMOST_FULL = 0.75;
/** A file of nothing but bad lines still gets its checkpoints. */
const BATCH_FAILURES = 1_000;

export interface MappedLine {
  number: number;
  text: string;
  input: MemorizeInput;
}

export interface LineFailure {
  line: number;
  code: string;
  message: string;
  source?: string;
}

export interface Batch {
  lines: MappedLine[];
  failures: LineFailure[];
  /** Lines with anything in them. */
  read: number;
  end: Position;
}

export interface BatchOptions {
  mapping: Mapping;
  pool?: string | undefined;
  size: number;
  from: Position;
  /** The mapping's fields that no line has had so far; emptied as they are met. */
  unseen?: Set<string>;
}

/** Maps lines and groups them in their order; blank lines count for the position only. */
export async function* batchesOf(source: AsyncIterable<SourceLine>, options: BatchOptions): AsyncGenerator<Batch> {
  let batch = emptyBatch(options.from);
  let bytes = 0;
  for await (const line of source) {
    const mapped = readLine(line, options);
    const size = mapped && 'input' in mapped ? Buffer.byteLength(JSON.stringify(mapped.input)) + 100 : 0;
    const isFull = batch.lines.length > 0 && bytes + size > BATCH_BYTES;
    if (isFull || (isAlmostFull(batch, options) && endsSession(batch, mapped))) {
      yield batch;
      batch = emptyBatch(batch.end);
      bytes = 0;
    }
    batch.end = line.end;
    bytes += size;
    if (mapped) take(batch, mapped);
    if (batch.lines.length >= options.size || batch.failures.length >= BATCH_FAILURES) {
      yield batch;
      batch = emptyBatch(batch.end);
      bytes = 0;
    }
  }
  // Blank lines at the end move the position only; they too are done once it is written.
  yield batch;
}

const isAlmostFull = ({ lines }: Batch, { size }: BatchOptions): boolean => lines.length >= size * ALMOST_FULL;

/** Batches that share a session are not sent at once: one that ends with a session lets the next be under way beside it. */
function endsSession({ lines }: Batch, next: MappedLine | LineFailure | undefined): boolean {
  if (next === undefined || !('input' in next)) return false;
  const [before, last] = lines.slice(-2).map(({ input }) => input.sessionId);
  const isSession = last !== undefined && last === before;
  return isSession && lines.every(({ input }) => input.sessionId !== next.input.sessionId);
}

const emptyBatch = (end: Position): Batch => ({ lines: [], failures: [], read: 0, end });

function take(batch: Batch, mapped: MappedLine | LineFailure): void {
  batch.read++;
  if ('input' in mapped) batch.lines.push(mapped);
  else batch.failures.push(mapped);
}

function readLine(line: SourceLine, options: BatchOptions): MappedLine | LineFailure | undefined {
  const { number, text } = line;
  if (text === null) return { line: number, code: 'BAD_INPUT', message: line.problem ?? 'unreadable' };
  if (text.trim() === '') return undefined;
  try {
    const value = parseJson(text);
    noteSeen(value, options.unseen);
    return { number, text, input: mapLine(value, options.mapping, options.pool) };
  } catch (error) {
    if (!(error instanceof LineProblem)) throw error;
    return { line: number, code: error.code, message: error.message, source: text };
  }
}

function noteSeen(value: unknown, unseen: Set<string> | undefined): void {
  if (!unseen?.size || typeof value !== 'object' || value === null) return;
  for (const field of unseen) {
    if (valueAt(value as Record<string, unknown>, field) !== undefined) unseen.delete(field);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LineProblem(`the line is not JSON: ${(error as Error).message}`, 'BAD_JSON');
  }
}
