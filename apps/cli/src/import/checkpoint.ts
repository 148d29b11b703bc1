import { createHash, hash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Position, type SourceLine } from './lines.js';
import { type Mapping } from './mapping.js';
import { ImportProblem } from './problems.js';

const VERSION = 1;
const FINGERPRINT_BYTES = 1024 * 1024;
/** Of a hash, in hexadecimal: enough for all lines that anybody imports within a day. */
const DIGITS = 24;
const DIGITS_OF_LINE = 10;

export interface Counts {
  read: number;
  created: number;
  duplicate: number;
  proposed: number;
  quarantined: number;
  failed: number;
}

/** What must be the same for an import to go on where it stopped. */
export interface ImportIdentity {
  pool: string | null;
  url: string;
  mapping: Mapping;
  source: { size: number; sha256OfFirstMiB: string };
}

export interface Checkpoint extends ImportIdentity {
  version: typeof VERSION;
  /** How often this file was begun anew; a part of the idempotency keys. */
  restarts: number;
  linesDone: number;
  bytesDone: number;
  counts: Counts;
  /** The failures file up to here belongs to the lines done. */
  failuresBytes: number;
  complete: boolean;
  updatedAt: string;
}

export const noCounts = (): Counts => ({ read: 0, created: 0, duplicate: 0, proposed: 0, quarantined: 0, failed: 0 });

export interface StateFiles {
  checkpoint: string;
  failures: string;
}

/** Beside the input, or in the folder given with --state. */
export function stateFiles(file: string, stateDir?: string): StateFiles {
  const base = path.join(stateDir ?? path.dirname(file), path.basename(file));
  return { checkpoint: `${base}.import-progress.json`, failures: `${base}.import-failures.jsonl` };
}

export async function fingerprint(file: string): Promise<ImportIdentity['source']> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (!stats.isFile())
      throw new ImportProblem(`${file} is not a file that can be read twice; save it to a file first.`);
    const head = Buffer.alloc(Math.min(FINGERPRINT_BYTES, stats.size));
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return {
      size: stats.size,
      sha256OfFirstMiB: createHash('sha256').update(head.subarray(0, bytesRead)).digest('hex'),
    };
  } catch (error) {
    if (error instanceof ImportProblem) throw error;
    throw new ImportProblem(`${file} cannot be read: ${(error as Error).message}.`, { cause: error });
  } finally {
    await handle?.close();
  }
}

/**
 * The checkpoint to go on from: the one that is there when it is of this import, else a new one.
 * @throws ImportProblem when the one that is there is of another import and `restart` was not asked for.
 */
export async function openCheckpoint(file: string, identity: ImportIdentity, restart: boolean): Promise<Checkpoint> {
  const found = await readCheckpoint(file, restart);
  if (found && !restart) {
    refuseAnother(found, identity, file);
    return found;
  }
  return {
    version: VERSION,
    ...identity,
    restarts: found ? found.restarts + 1 : 0,
    linesDone: 0,
    bytesDone: 0,
    counts: noCounts(),
    failuresBytes: 0,
    complete: false,
    updatedAt: new Date().toISOString(),
  };
}

/** In one step: a reader, or a later run, finds the old one or the new one and never a half. */
export async function writeCheckpoint(file: string, checkpoint: Checkpoint): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, `${JSON.stringify({ ...checkpoint, updatedAt: new Date().toISOString() }, null, 2)}\n`);
    await rename(unfinished, file);
  } catch (error) {
    await unlink(unfinished).catch(() => undefined);
    const reason = (error as Error).message;
    throw new ImportProblem(`The checkpoint cannot be written (${reason}); name another folder with --state DIR.`, {
      cause: error,
    });
  }
}

export const donePosition = (checkpoint: Checkpoint): Position => ({
  lines: checkpoint.linesDone,
  bytes: checkpoint.bytesDone,
});

type Line = Pick<SourceLine, 'number'> & { text: string };

/** The same for the same lines of the same import: what is sent again is answered as the first time. */
export interface IdempotencyKeys {
  ofLine: (line: Line) => string;
  ofRequest: (lines: readonly Line[]) => string;
}

/** In the order of the lines: so those that are stored together stand together in the database's index, and not all over it. */
export function idempotencyKeys({ pool, restarts, mapping }: Checkpoint): IdempotencyKeys {
  const ofImport = hash('sha256', JSON.stringify([pool, mapping, restarts])).slice(0, DIGITS);
  const key = (number: number, text: string) =>
    `${ofImport}-${String(number).padStart(DIGITS_OF_LINE, '0')}-${hash('sha256', text).slice(0, DIGITS)}`;
  return {
    ofLine: ({ number, text }) => key(number, text),
    ofRequest: (lines) => key(lines[0]?.number ?? 0, JSON.stringify(lines.map(({ number, text }) => [number, text]))),
  };
}

async function readCheckpoint(file: string, restart: boolean): Promise<Checkpoint | undefined> {
  const exists = await stat(file).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<Checkpoint> | null;
    if (value?.version === VERSION && isWhole(value)) return value;
  } catch {
    // Told below like any other checkpoint that this program did not write.
  }
  // A new run must not meet the keys of the one that can no longer be counted.
  if (restart) return { restarts: Date.now() } as Checkpoint;
  throw new ImportProblem(`${file} is not a checkpoint that this version can read; --restart begins the import anew.`);
}

const isWhole = (value: Partial<Checkpoint>): value is Checkpoint =>
  [value.linesDone, value.bytesDone, value.failuresBytes, value.restarts].every(Number.isSafeInteger) &&
  value.counts !== undefined &&
  value.source !== undefined;

function refuseAnother(found: Checkpoint, identity: ImportIdentity, file: string): void {
  const other: string[] = [];
  if (found.pool !== identity.pool) other.push(`the pool was ${found.pool ?? 'not named'}`);
  if (found.url !== identity.url) other.push(`the broker was ${found.url}`);
  if (!same(found.mapping, identity.mapping)) other.push('the field mapping was another');
  if (!same(found.source, identity.source)) other.push('the file had another content');
  if (other.length === 0) return;
  throw new ImportProblem(
    `${file} is the checkpoint of another import: ${other.join(', ')}. ` +
      'Give the same arguments to go on with that one, --restart to begin anew, or --state DIR to keep both.',
  );
}

const same = (one: unknown, other: unknown): boolean => sorted(one) === sorted(other);

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
