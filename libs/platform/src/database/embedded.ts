import { once } from 'node:events';
import fs from 'node:fs';
import { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type pg from 'pg';
import { unpackTemplate } from './embedded-template.js';

type WorkerMessage =
  | { type: 'ready' | 'closed' }
  | { type: 'data' | 'dump'; bytes: Uint8Array }
  | { type: 'error'; message: string };

const TERMINATE = 0x58; // 'X': ends a client's session; the embedded database has only one, which outlives its clients
const MAX_RESTARTS = 3;

export interface EmbeddedOptions {
  /** Folder of the database; without it the database lives in memory. */
  dataDir?: string;
  /** A dump to begin from: a fifth of the time that a new database takes. */
  image?: Uint8Array;
}

/** PostgreSQL in WebAssembly, in a worker thread, for one client at a time through pg's `stream` option. No port is opened. */
export class EmbeddedPostgres {
  private client: WorkerSocket | undefined;
  private worker!: Worker;
  private restarts = 0;
  private closing = false;
  private failure: Error | undefined;

  private constructor(private readonly options: EmbeddedOptions) {}

  static async start(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
    if (options.dataDir && !fs.existsSync(options.dataDir)) await unpackTemplate(options.dataDir);
    const embedded = new EmbeddedPostgres(options);
    await embedded.startWorker();
    return embedded;
  }

  /** Options for pg's Pool: one connection, never dropped for idleness. */
  poolOptions(): pg.PoolConfig {
    return {
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: 30_000,
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      stream: () => new WorkerSocket(this) as unknown as ReturnType<NonNullable<pg.ClientConfig['stream']> & (() => never)>,
    };
  }

  attach(socket: WorkerSocket): void {
    if (this.failure) throw this.failure;
    this.client = socket;
  }

  detach(socket: WorkerSocket): void {
    if (this.client !== socket) return;
    this.client = undefined;
    if (!this.closing) this.worker.postMessage({ type: 'reset' });
  }

  send(bytes: Uint8Array): void {
    this.worker.postMessage({ type: 'data', bytes });
  }

  /** The whole database as one file, to begin others from. Nobody may be writing. */
  async dump(): Promise<Uint8Array> {
    this.worker.postMessage({ type: 'dump' });
    for (;;) {
      const [message] = (await once(this.worker, 'message')) as [WorkerMessage];
      if (message.type === 'dump') return message.bytes;
      if (message.type === 'error') throw new Error(message.message);
    }
  }

  async close(): Promise<void> {
    this.closing = true;
    const ended = once(this.worker, 'exit');
    this.worker.postMessage({ type: 'close' });
    await ended;
  }

  private async startWorker(): Promise<void> {
    const worker = new Worker(new URL('./embedded.worker.js', import.meta.url), { workerData: this.options });
    const [message] = (await once(worker, 'message')) as [WorkerMessage];
    if (message.type !== 'ready') throw new Error(`The embedded database did not start: ${JSON.stringify(message)}`);
    worker.on('message', (reply: WorkerMessage) => this.receive(reply));
    worker.on('error', (error) => this.client?.destroy(error));
    worker.on('exit', (code) => this.restart(code));
    this.worker = worker;
  }

  private receive(message: WorkerMessage): void {
    if (message.type === 'data') {
      this.client?.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
    } else if (message.type === 'error') {
      this.client?.destroy(new Error(message.message));
    }
  }

  /** A database in memory died with its thread; one in a folder is opened again, where it recovers as after a crash. */
  private restart(code: number): void {
    if (this.closing) return;
    this.client?.destroy(new Error(`The embedded database stopped with code ${code}`));
    this.restarts += 1;
    if (!this.options.dataDir || this.restarts > MAX_RESTARTS) {
      this.failure = new Error('The embedded database stopped too often; restart the broker');
      return;
    }
    this.startWorker().catch((error: Error) => {
      this.failure = error;
    });
  }
}

/** What pg takes for a TCP socket. It forwards whole protocol messages, for the database takes no half ones. */
class WorkerSocket extends Duplex {
  private pending: Buffer = Buffer.alloc(0);
  private started = false;

  constructor(private readonly owner: EmbeddedPostgres) {
    super();
  }

  connect(): this {
    setImmediate(() => {
      try {
        this.owner.attach(this);
        this.emit('connect');
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    // The worker pushes answers as they come.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.pending = this.pending.length ? Buffer.concat([this.pending, chunk]) : chunk;
    const end = this.endOfWholeMessages();
    // A copy, because the message is transferred to the worker while pg goes on writing into its own buffer.
    if (end > 0) this.owner.send(new Uint8Array(this.pending.subarray(0, end)));
    this.pending = this.pending.subarray(end);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.owner.detach(this);
    done(error);
  }

  private endOfWholeMessages(): number {
    let end = 0;
    while (this.pending.length - end >= (this.started ? 5 : 4)) {
      // The first message of a session has no type byte in front of its length.
      const length = this.started ? 1 + this.pending.readInt32BE(end + 1) : this.pending.readInt32BE(end);
      if (this.pending.length - end < length) break;
      if (this.started && this.pending[end] === TERMINATE) {
        this.push(null);
        this.pending = this.pending.subarray(0, end);
        break;
      }
      this.started = true;
      end += length;
    }
    return end;
  }
}
