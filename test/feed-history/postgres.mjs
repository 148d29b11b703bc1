// A native Postgres of the run's own, which may be killed and comes back on the same port with the same data.
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';

const SCRIPT = fileURLToPath(new URL('../../.ci/postgres', import.meta.url));
const run = promisify(execFile);

export class Postgres {
  /** @param {string} folder that the server's user can reach */
  constructor(folder) {
    this.folder = folder;
    this.data = path.join(folder, 'data');
    this.url = '';
  }

  async start() {
    this.url = (await run(SCRIPT, ['start', this.folder])).stdout.trim();
  }

  /** The postmaster and all of its backends at once, as when a machine loses its power (but for the disk). @returns its pid */
  kill() {
    const [first] = fs.readFileSync(path.join(this.data, 'postmaster.pid'), 'utf8').split('\n');
    const postmaster = Number(first);
    // Stopped first, so that it makes no new ones while they are counted.
    process.kill(postmaster, 'SIGSTOP');
    for (const pid of [...childrenOf(postmaster), postmaster]) killNow(pid);
    return postmaster;
  }

  /** Not by the script, which would take another port: the brokers know this one. */
  async restart() {
    const [program] = fs.readFileSync(path.join(this.data, 'postmaster.opts'), 'utf8').split(' ');
    const control = path.join(path.dirname(/** @type {string} */ (program)), 'pg_ctl');
    const log = path.join(this.folder, 'log');
    const command = [control, '-D', this.data, '-l', log, '-o', `-p ${new URL(this.url).port}`, '-W', 'start'];
    const [file, ...args] = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    // -W and no pipes: a call that waits would hold up every actor of the run, and the server inherits what it is given.
    for (let attempt = 1; attempt <= 20; attempt++) {
      spawnSync(/** @type {string} */ (file), args, { cwd: '/', stdio: 'ignore' });
      // The shared memory of the dead one may be there still, and then it does not come: once more.
      for (let look = 1; look <= 20; look++) if (await this.answers()) return;
    }
    throw new Error(`Postgres does not come back; its log is ${log}`);
  }

  async answers() {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return true;
    } catch {
      await pause(200);
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  stop() {
    spawnSync(SCRIPT, ['stop', this.folder], { stdio: 'ignore' });
  }
}

/** @param {number} parent @returns {number[]} */
function childrenOf(parent) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0; // It ended meanwhile.
  }
}

/** @param {number} pid */
function killNow(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, which is as good.
  }
}
