import { afterAll } from '@jest/globals';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ADMIN_KEY, TestClient } from './api.js';
import { createNativeDatabase, isNative } from './database.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What bin/commonplace.js runs; bin itself would build again in the middle of the tests when a source is newer. */
const MAIN = path.join(ROOT, 'dist/bundle/main.js');
const READY_WITHIN_MS = 50_000;

const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();
const folders: string[] = [];
const killAll = () => running.forEach((child) => child.kill('SIGKILL'));
process.on('exit', killAll);
afterAll(async () => {
  const ended = [...running].map((child) => once(child, 'exit'));
  killAll();
  await Promise.all(ended);
  process.off('exit', killAll);
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

/** A folder of the test's own, removed when its file is through. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-test-'));
  folders.push(folder);
  return folder;
}

/** Variables for brokers on one new store: a folder for the embedded database, or a native database. */
export async function newStore(): Promise<NodeJS.ProcessEnv> {
  const DATA_DIR = temporaryFolder();
  return isNative ? { DATA_DIR, DATABASE_URL: await createNativeDatabase() } : { DATA_DIR };
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One broker in a process of its own, as `commonplace start` runs it. */
export class BrokerProcess {
  stdout = '';
  stderr = '';
  url = '';
  readonly exited: Promise<Exit>;
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;

  private constructor(env: NodeJS.ProcessEnv) {
    const { PATH, HOME } = process.env;
    const own = {
      COMMONPLACE_BOOTSTRAP_KEY: ADMIN_KEY,
      RATE_LIMIT_PER_MINUTE: '0',
      PORT: '0',
      DATABASE_POOL_SIZE: '4',
    };
    const args = ['--no-warnings', MAIN, 'start'];
    const options = {
      env: { PATH, HOME, ...own, ...env },
      cwd: os.tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    };
    const child = spawn(process.execPath, args, options);
    this.child = child;
    running.add(child);
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // 'close' and not 'exit': by then all that it wrote was read.
    this.exited = once(child, 'close').then(([code, signal]) => {
      running.delete(child);
      return { code, signal } as Exit;
    });
  }

  static spawn(env: NodeJS.ProcessEnv): BrokerProcess {
    return new BrokerProcess(env);
  }

  static async start(env: NodeJS.ProcessEnv): Promise<BrokerProcess> {
    const broker = new BrokerProcess(env);
    await broker.ready();
    return broker;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get client(): TestClient {
    return new TestClient(this.url, ADMIN_KEY);
  }

  /** @throws with all that it wrote, when it ends instead, or takes too long. */
  async ready(): Promise<this> {
    const deadline = Date.now() + READY_WITHIN_MS;
    let exit: Exit | undefined;
    void this.exited.then((seen) => (exit = seen));
    for (;;) {
      const url = /ready on (http:\/\/[\d.:]+)/.exec(this.stderr)?.[1];
      if (url) {
        this.url = url;
        return this;
      }
      if (exit ?? Date.now() > deadline) {
        throw new Error(`no broker: ${JSON.stringify(exit ?? 'too slow')}\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }
}
