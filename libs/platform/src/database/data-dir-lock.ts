import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const HEARTBEAT_MS = 5_000;
const FOREIGN_HOST_STALE_MS = 30_000;

interface Holder {
  pid: number;
  host: string;
  /** When the process began, as the kernel counts; tells a reused pid from the holder. Null where it cannot be read. */
  started: string | null;
}

export class DataDirLockedError extends Error {}

/**
 * PGlite has no lock on its folder: two processes that wrote into one lost 226 of 1,000 rows in silence. So the folder has
 * a lock file that names its holder. A holder that died (also by kill -9) is found out by its pid and start time; one on
 * another host, as with containers that share a volume, by a heartbeat that stopped.
 * @throws DataDirLockedError naming the holder.
 */
export class DataDirLock {
  private readonly heartbeat: NodeJS.Timeout;

  private constructor(private readonly file: string, private readonly content: string) {
    this.heartbeat = setInterval(() => fs.utimes(file, new Date(), new Date(), () => undefined), HEARTBEAT_MS);
    this.heartbeat.unref();
  }

  static acquire(dataDir: string): DataDirLock {
    fs.mkdirSync(dataDir, { recursive: true });
    const file = path.join(dataDir, 'lock');
    const content = JSON.stringify({ pid: process.pid, host: os.hostname(), started: startOf(process.pid) });
    for (let attempt = 0; attempt < 10; attempt++) {
      if (create(file, content)) return new DataDirLock(file, content);
      const found = read(file);
      if (found === null) continue;
      const holder = parse(found);
      if (holder && isAlive(holder, file)) {
        throw new DataDirLockedError(
          `${dataDir} is in use by process ${holder.pid} on ${holder.host}. Stop it first, or start this broker with another DATA_DIR.`,
        );
      }
      setAside(file, found);
    }
    throw new DataDirLockedError(`${file} could not be taken: other processes keep taking it. Start one broker at a time.`);
  }

  release(): void {
    clearInterval(this.heartbeat);
    if (read(this.file) === this.content) fs.rmSync(this.file, { force: true });
  }
}

function create(file: string, content: string): boolean {
  try {
    fs.writeFileSync(file, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parse(content: string): Holder | null {
  try {
    return JSON.parse(content) as Holder;
  } catch {
    return null; // Cut off in the middle of its writing: nobody holds it.
  }
}

function isAlive(holder: Holder, file: string): boolean {
  if (holder.host !== os.hostname()) return Date.now() - fs.statSync(file).mtimeMs < FOREIGN_HOST_STALE_MS;
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

/** Moves a dead holder's file away. Should another process have taken the lock meanwhile, its file is put back. */
function setAside(file: string, expected: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== expected) fs.linkSync(aside, file);
  fs.rmSync(aside, { force: true });
}
