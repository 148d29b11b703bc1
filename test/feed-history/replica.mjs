// One broker in a process of its own, started again on its port whenever it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
export const ADMIN_KEY = 'feed-history-admin-key-0123456789-0123456789';

export class Replica {
  /**
   * @param {number} number @param {string} folder for its log @param {Record<string, string>} env
   * @param {import('./history.mjs').History} history
   */
  constructor(number, folder, env, history) {
    this.number = number;
    this.folder = folder;
    this.env = env;
    this.history = history;
    this.port = 0;
    this.isUp = false;
    this.isKilled = false;
    this.wanted = true;
    /** How often it was up and ended without having been killed. */
    this.collapses = 0;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/graphql`;
  }

  async start() {
    this.port = await freePort();
    await this.launch();
  }

  /** Resolves when it is ready, or has ended. */
  async launch() {
    const log = fs.openSync(path.join(this.folder, `replica-${this.number}.log`), 'a');
    const { PATH, HOME } = process.env;
    const own = { PORT: String(this.port), COMMONPLACE_BOOTSTRAP_KEY: ADMIN_KEY, RATE_LIMIT_PER_MINUTE: '0' };
    const env = { PATH, HOME, DATA_DIR: this.folder, DATABASE_POOL_SIZE: '20', ...own, ...this.env };
    const child = spawn(process.execPath, ['--no-warnings', MAIN, 'start'], {
      cwd: this.folder,
      env,
      stdio: ['ignore', log, 'pipe'],
    });
    this.child = child;
    const ready = new Promise((resolve) => {
      child.stderr.on('data', (chunk) => {
        fs.writeSync(log, chunk);
        if (this.isUp || !String(chunk).includes('ready on http')) return;
        this.isUp = true;
        this.history.tell('up', { what: 'replica', number: this.number, pid: child.pid });
        resolve(true);
      });
    });
    const ended = once(child, 'close').then(([code, signal]) => {
      // One that starts while there is no Postgres ends, as it should.
      if (this.isUp && !this.isKilled && this.wanted) this.collapses++;
      this.isUp = false;
      this.history.tell('down', { what: 'replica', number: this.number, code, signal, killed: this.isKilled });
      this.isKilled = false;
      fs.closeSync(log);
      if (this.wanted) void this.again();
    });
    await Promise.race([ready, ended]);
  }

  async again() {
    await pause(200);
    if (this.wanted) await this.launch();
  }

  kill() {
    this.isKilled = true;
    this.history.tell('kill', { what: 'replica', number: this.number, pid: this.child?.pid });
    this.child?.kill('SIGKILL');
  }

  async stop() {
    this.wanted = false;
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
