import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createBenchDatabase, type BenchDatabase } from '../bench-database.repository.js';

const ADMIN_KEY = 'bench-admin-key-0123456789-0123456789';
const MAIN = fileURLToPath(new URL('../../bundle/main.js', import.meta.url));
/** Garbage is collected at a signal: resident memory otherwise tells when it was last done, and not what is kept. */
const COLLECT = `data:text/javascript,process.on('SIGUSR2', () => { gc(); gc(); })`;
const CLOCK_TICKS = 100;

/** A broker as `commonplace start` runs it, on a database of its own, which is dropped with it. */
export class BenchBroker {
  private planner: Promise<string> | undefined;

  private constructor(
    readonly url: string,
    readonly databaseUrl: string,
    private readonly child: ChildProcess,
    private readonly drop: () => Promise<void>,
  ) {
    // A benchmark that ends by an error closes nothing.
    process.once('exit', this.kill);
  }

  /** @param command what runs instead of the broker itself */
  static async start(serverUrl: string, command: string[] = [MAIN, 'start']): Promise<BenchBroker> {
    return BenchBroker.on(await createBenchDatabase(serverUrl), { command });
  }

  /** On a database that there is; it is dropped with the broker unless `drop` does nothing. */
  static async on(
    database: BenchDatabase,
    { command = [MAIN, 'start'], variables = {} }: { command?: string[]; variables?: Record<string, string> } = {},
  ): Promise<BenchBroker> {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-bench-'));
    const env = {
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PORT: '0',
      COMMONPLACE_BOOTSTRAP_KEY: ADMIN_KEY,
      RATE_LIMIT_PER_MINUTE: '0',
      LOG_LEVEL: 'info',
      ...variables,
    };
    const child = spawn(process.execPath, ['--no-warnings', '--expose-gc', '--import', COLLECT, ...command], {
      env,
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const drop = async () => {
      await database.drop();
      fs.rmSync(dataDir, { recursive: true, force: true });
    };
    return new BenchBroker(await readyUrl(child), database.url, child, drop);
  }

  async ask<Data>(query: string, variables: object = {}, key = ADMIN_KEY): Promise<Data> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: Data; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** Memories of a planner, up to 100 at once. */
  async write(inputs: object[]): Promise<void> {
    this.planner ??= this.agents('planner', 1).then(([key]) => key as string);
    const text = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { message } } }';
    type Answer = { memorizeMany: { failures: unknown[] } };
    const { memorizeMany } = await this.ask<Answer>(text, { inputs }, await this.planner);
    if (memorizeMany.failures.length > 0) throw new Error(JSON.stringify(memorizeMany.failures[0]));
  }

  /** Keys of so many agents of the role. */
  async agents(role: string, count: number): Promise<string[]> {
    const text = `mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { issuedKey { secret } } }`;
    const keys: string[] = [];
    for (let nth = 0; nth < count; nth++) {
      const input = { name: `${role} ${nth}`, role };
      const { registerAgent } = await this.ask<{ registerAgent: { issuedKey: { secret: string } } }>(text, { input });
      keys.push(registerAgent.issuedKey.secret);
    }
    return keys;
  }

  /** So many more pools, which planners write and coders read: writers of one pool wait for each other's commits. */
  async lanes(count: number): Promise<string[]> {
    const keys = Array.from({ length: count }, (_, nth) => `lane-${nth}`);
    await this.createPools(keys);
    const lane = { effect: 'ALLOW', pools: keys };
    await this.addStatements('lanes', [
      { ...lane, roles: ['planner'], actions: ['READ', 'WRITE'] },
      { ...lane, roles: ['coder'], actions: ['READ'] },
    ]);
    return keys;
  }

  /** Nobody but operators may use them before a statement says so. */
  async createPools(keys: readonly string[]): Promise<void> {
    const create = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';
    for (const key of keys) await this.ask(create, { input: { key, kind: 'SHARED' } });
  }

  /** They are found again by `name`. */
  async addStatements(name: string, statements: object[]): Promise<void> {
    const named = statements.map((statement, nth) => ({ ...statement, id: `${name}-${nth}` }));
    await this.edit((before) => [...before, ...named]);
  }

  async removeStatements(name: string): Promise<void> {
    await this.edit((before) => before.filter(({ id }) => !id.startsWith(`${name}-`)));
  }

  private async edit(change: (statements: { id: string }[]) => object[]): Promise<void> {
    const text = '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }';
    const { policy } = await this.ask<{ policy: { version: number; statements: { id: string }[] } }>(text);
    await this.ask('mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }', {
      input: { expectedVersion: policy.version, statements: change(policy.statements) },
    });
  }

  async cursor(key: string): Promise<string> {
    return (await this.ask<{ feedCursor: string }>('{ feedCursor }', {}, key)).feedCursor;
  }

  /** Seconds of a processor that it has used so far, in user and kernel. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.child.pid as number);
  }

  /** Resident bytes, after garbage was collected: the signal is heard by what `preload` brings into the process. */
  async collectedBytes(): Promise<number> {
    this.child.kill('SIGUSR2');
    await pause(3_000);
    const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  async close(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.kill();
    process.removeListener('exit', this.kill);
    await exited;
    await this.drop();
  }

  private readonly kill = (): void => void this.child.kill('SIGKILL');
}

/** Seconds of a processor that the process has used so far, in user and kernel. Only Linux tells. */
export function cpuSecondsOf(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

async function readyUrl(child: ChildProcess): Promise<string> {
  let told = '';
  for await (const chunk of child.stderr as NodeJS.ReadableStream) {
    told += String(chunk);
    const url = /ready on (http:\/\/[\d.:]+)/.exec(told)?.[1];
    if (url) {
      child.stderr?.resume();
      return url;
    }
  }
  throw new Error(`the broker did not start: ${told}`);
}
