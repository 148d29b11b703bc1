import { once } from 'node:events';
import fs from 'node:fs';
import { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type pg from 'pg';
import { unpackTemplate } from './embedded-template.js';

type WorkerMessage =
  | { type: 'ready' | 'closed' }
  | { type: 'data'; session: number; bytes: Uint8Array }
  | { type: 'dump'; bytes: Uint8Array }
  | { type: 'failed'; message: string };

const TERMINATE = 0x58; // 'X': ends a client's session; the embedded database has only one, which outlives its clients
/** 'Q' and 'S', a query and the end of a pipelined one: the database answers them with ReadyForQuery. */
const TURNS = [0x51, 0x53];
const MAX_DEATHS = 3;
const DEATHS_WITHIN_MS = 60_000;

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
  /** The start that is under way, or the last one; it fails where there will be no other. */
  private started: Promise<void> = Promise.resolve();
  private running = false;
  private deaths: number[] = [];
  private closing = false;
  private sessions = 0;

  private constructor(private readonly options: EmbeddedOptions) {}

  static async start(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
    if (options.dataDir && !fs.existsSync(options.dataDir)) await unpackTemplate(options.dataDir);
    const embedded = new EmbeddedPostgres(options);
    embedded.started = embedded.startWorker();
    await embedded.started;
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
      stream: () =>
        new WorkerSocket(this) as unknown as ReturnType<NonNullable<pg.ClientConfig['stream']> & (() => never)>,
    };
  }

  /** Makes the socket's session the one that there is. It waits where the database is starting again. */
  async attach(socket: WorkerSocket): Promise<number> {
    await this.started;
    if (socket.destroyed) throw new Error('The client did not wait');
    this.client = socket;
    return ++this.sessions;
  }

  detach(socket: WorkerSocket): void {
    if (this.client !== socket) return;
    this.client = undefined;
    if (this.running && !this.closing) this.worker.postMessage({ type: 'reset' });
  }

  /** @param isTurn whether the database must answer that it is ready for the next query */
  send(session: number, bytes: Uint8Array, isTurn: boolean): void {
    if (this.running) this.worker.postMessage({ type: 'data', session, bytes, isTurn });
  }

  /** The whole database as one file, to begin others from. Nobody may be writing. */
  async dump(): Promise<Uint8Array> {
    this.worker.postMessage({ type: 'dump' });
    for (;;) {
      const [message] = (await once(this.worker, 'message')) as [WorkerMessage];
      if (message.type === 'dump') return message.bytes;
      if (message.type === 'failed') throw new Error(message.message);
    }
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.started.catch(() => undefined);
    if (!this.running) return;
    const ended = once(this.worker, 'exit');
    this.worker.postMessage({ type: 'close' });
    await ended;
  }

  private async startWorker(): Promise<void> {
    const worker = new Worker(new URL('./embedded.worker.js', import.meta.url), { workerData: this.options });
    await Promise.race([
      once(worker, 'message'),
      once(worker, 'exit').then(([code]) => Promise.reject(stopped(code as number))),
    ]);
    worker.on('message', (reply: WorkerMessage) => this.receive(reply));
    worker.on('error', (error) => this.client?.destroy(error));
    worker.on('exit', (code) => this.restart(code));
    this.worker = worker;
    this.running = true;
  }

  private receive(message: WorkerMessage): void {
    // What was meant for a client that was dropped would be read as the answer to the next one's question.
    if (message.type !== 'data' || message.session !== this.sessions) return;
    this.client?.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
  }

  /** A database in memory died with its thread; one in a folder is opened again, where it recovers as after a crash. */
  private restart(code: number): void {
    this.running = false;
    if (this.closing) return;
    const now = Date.now();
    this.deaths = [...this.deaths.filter((death) => death > now - DEATHS_WITHIN_MS), now];
    if (!this.options.dataDir)
      this.started = Promise.reject(new Error('The embedded database stopped, and was only in memory'));
    else if (this.deaths.length > MAX_DEATHS)
      this.started = Promise.reject(new Error('The embedded database stopped too often; restart the broker'));
    else this.started = this.startWorker();
    this.started.catch(() => undefined);
    this.client?.destroy(stopped(code));
  }
}

const stopped = (code: number): Error => new Error(`The embedded database stopped with code ${code}`);

/** What pg takes for a TCP socket. It forwards whole protocol messages, for the database takes no half ones. */
class WorkerSocket extends Duplex {
  private pending: Buffer = Buffer.alloc(0);
  private started = false;
  private session = 0;
  private isTurn = false;

  constructor(private readonly owner: EmbeddedPostgres) {
    super();
  }

  connect(): this {
    this.owner.attach(this).then(
      (session) => {
        this.session = session;
        this.emit('connect');
      },
      (error: Error) => this.destroy(error),
    );
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
    if (end > 0) this.owner.send(this.session, new Uint8Array(this.pending.subarray(0, end)), this.isTurn);
    this.pending = this.pending.subarray(end);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.owner.detach(this);
    done(error);
  }

  private endOfWholeMessages(): number {
    let end = 0;
    this.isTurn = !this.started;
    while (this.pending.length - end >= (this.started ? 5 : 4)) {
      // The first message of a session has no type byte in front of its length.
      const length = this.started ? 1 + this.pending.readInt32BE(end + 1) : this.pending.readInt32BE(end);
      if (this.pending.length - end < length) break;
      if (this.started && this.pending[end] === TERMINATE) {
        this.push(null);
        this.pending = this.pending.subarray(0, end);
        break;
      }
      if (this.started) this.isTurn = TURNS.includes(this.pending[end] as number);
      this.started = true;
      end += length;
    }
    return end;
  }
}
