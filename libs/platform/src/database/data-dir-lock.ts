import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const HEARTBEAT_MS = 5_000;
const FOREIGN_HOST_STALE_MS = 30_000;
/** The lock is written within milliseconds: whoever takes longer was killed at it. */
const WRITING_STALE_MS = 10_000;
const WRITING_PAUSE_MS = 10;

interface Holder {
  pid: number;
  host: string;
  /** When the process began, as the kernel counts; tells a reused pid from the holder. Null where it cannot be read. */
  started: string | null;
}

export class DataDirLockedError extends Error {
  /** An operator can act on it: it needs no stack. */
  readonly told = true;
}

/**
 * PGlite has no lock on its folder: two processes that wrote into one lost 226 of 1,000 rows in silence. So the folder has
 * a lock file that names its holder. A holder that died (also by kill -9) is found out by its pid and start time; one on
 * another host, as with containers that share a volume, by a heartbeat that stopped.
 * @throws DataDirLockedError naming the holder.
 */
export class DataDirLock {
  private readonly heartbeat: NodeJS.Timeout;

  private constructor(
    private readonly file: string,
    private readonly content: string,
  ) {
    this.heartbeat = setInterval(() => fs.utimes(file, new Date(), new Date(), () => undefined), HEARTBEAT_MS);
    this.heartbeat.unref();
  }

  static acquire(dataDir: string): DataDirLock {
    fs.mkdirSync(dataDir, { recursive: true });
    const file = path.join(dataDir, 'lock');
    const content = JSON.stringify({ pid: process.pid, host: os.hostname(), started: startOf(process.pid) });
    const deadline = Date.now() + 2 * WRITING_STALE_MS;
    do {
      refuseWhereHeld(file, dataDir);
      if (writeAlone(file, content, () => refuseWhereHeld(file, dataDir))) return new DataDirLock(file, content);
      pause(WRITING_PAUSE_MS);
    } while (Date.now() < deadline);
    throw new DataDirLockedError(
      `${file} could not be taken: other processes keep taking it. Start one broker at a time.`,
    );
  }

  release(): void {
    clearInterval(this.heartbeat);
    if (read(this.file) === this.content) fs.rmSync(this.file, { force: true });
  }
}

function refuseWhereHeld(file: string, dataDir: string): void {
  const holder = parse(read(file));
  if (!holder || !isAlive(holder, file)) return;
  throw new DataDirLockedError(
    `${dataDir} is in use by process ${holder.pid} on ${holder.host}. Stop it first, or start this broker with another DATA_DIR.`,
  );
}

/**
 * Writes the lock unless another process is at it: between finding a holder dead and writing down the next one nobody else
 * may write, or both would believe to hold it. The content is there whole or not at all, so nobody takes it for torn.
 * @param check asked again when nobody else can write
 */
function writeAlone(file: string, content: string, check: () => void): boolean {
  const writing = `${file}.writing`;
  try {
    fs.writeFileSync(writing, content, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (Date.now() - (modifiedAt(writing) ?? Date.now()) > WRITING_STALE_MS) fs.rmSync(writing, { force: true });
    return false;
  }
  try {
    check();
    fs.renameSync(writing, file);
    return read(file) === content;
  } catch (error) {
    // Somebody took this process for one that was killed at it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    fs.rmSync(writing, { force: true });
    throw error;
  }
}

function modifiedAt(file: string): number | undefined {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function read(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Null where nobody is named: no lock, or one that was cut off or overwritten. */
function parse(content: string | null): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(content ?? '{}') as Partial<Holder>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, started: started ?? null } : null;
  } catch {
    return null;
  }
}

function isAlive(holder: Holder, file: string): boolean {
  if (holder.host !== os.hostname()) return Date.now() - (modifiedAt(file) ?? 0) < FOREIGN_HOST_STALE_MS;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.started === null ? holder.pid !== process.pid : startOf(holder.pid) === holder.started;
}

/** Field 22 of /proc/PID/stat: clock ticks since boot. Only Linux has it. */
function startOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
