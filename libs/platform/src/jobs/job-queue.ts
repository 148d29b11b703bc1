import type PgBoss from 'pg-boss';
import type { Database, Unit } from '../database/database.js';
import { letCallersEnqueue } from './job-queue.repository.js';

const SCHEMA = 'job';
const RETRY_LIMIT = 20;
const RETRY_DELAY_SECONDS = 2; // doubled with each try, up to hours: a model may be down for long, and nothing may be lost
const POLL_SECONDS = 2;

export type JobHandler<Data extends object> = (data: Data) => Promise<void>;

/** Work for later, enqueued in the transaction of what it is about, done at least once, retried with growing delays. */
export class JobQueue {
  private boss: PgBoss | undefined;
  private readonly handlers = new Map<string, JobHandler<never>>();

  constructor(
    private readonly database: Database,
    private readonly onError: (error: Error) => void,
  ) {}

  /** Called before start. */
  register<Data extends object>(name: string, handler: JobHandler<Data>): void {
    this.handlers.set(name, handler as JobHandler<never>);
  }

  /** Does nothing while no task is registered: a broker without an embedder has none. */
  async start(): Promise<void> {
    if (this.handlers.size === 0) return;
    const { default: PgBoss } = await import('pg-boss');
    const executeSql = (text: string, values?: unknown[]) => this.database.maintenance(text, values);
    const boss = new PgBoss({ db: { executeSql }, schema: SCHEMA, schedule: false });
    boss.on('error', this.onError);
    await boss.start();
    for (const [name, handler] of this.handlers) {
      await boss.createQueue(name, { name, retryLimit: RETRY_LIMIT, retryDelay: RETRY_DELAY_SECONDS, retryBackoff: true });
      await boss.work<object>(name, { batchSize: 1, pollingIntervalSeconds: POLL_SECONDS }, async ([job]) => {
        if (job) await handler(job.data as never);
      });
    }
    await letCallersEnqueue(this.database, SCHEMA);
    this.boss = boss;
  }

  /** Part of the unit's transaction: the job is there exactly when what it is about is. */
  async enqueue(unit: Unit, name: string, data: object): Promise<void> {
    if (!this.boss) throw new Error(`No task takes jobs of the name ${name}`);
    const executeSql = async (text: string, values: unknown[] = []) => ({ rows: await unit.query({ text, values }), rowCount: 1 });
    await this.boss.send(name, data, { db: { executeSql } });
  }

  async stop(): Promise<void> {
    await this.boss?.stop({ graceful: true, wait: true, timeout: 5_000, close: false });
  }
}
