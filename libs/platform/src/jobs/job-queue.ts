import PgBoss from 'pg-boss';
import type { Database, Unit } from '../database/database.js';

const SCHEMA = 'job';
const RETRY_LIMIT = 20;
const RETRY_DELAY_SECONDS = 2; // doubled with each try, up to hours: a model may be down for long, and nothing may be lost
const POLL_SECONDS = 2;

export type JobHandler<Data extends object> = (data: Data) => Promise<void>;

/** Work for later, enqueued in the transaction of what it is about, done at least once, retried with growing delays. */
export class JobQueue {
  private readonly boss: PgBoss;
  private readonly handlers = new Map<string, JobHandler<never>>();
  private started = false;

  constructor(
    private readonly database: Database,
    private readonly onError: (error: Error) => void,
  ) {
    const executeSql = (text: string, values?: unknown[]) => database.maintenance(text, values);
    this.boss = new PgBoss({ db: { executeSql }, schema: SCHEMA, schedule: false });
    this.boss.on('error', onError);
  }

  /** Called before start. */
  register<Data extends object>(name: string, handler: JobHandler<Data>): void {
    this.handlers.set(name, handler as JobHandler<never>);
  }

  /** Does nothing while no task is registered: a broker without an embedder has none. */
  async start(): Promise<void> {
    if (this.handlers.size === 0) return;
    await this.boss.start();
    for (const [name, handler] of this.handlers) {
      await this.boss.createQueue(name, { name, retryLimit: RETRY_LIMIT, retryDelay: RETRY_DELAY_SECONDS, retryBackoff: true });
      await this.boss.work<object>(name, { batchSize: 1, pollingIntervalSeconds: POLL_SECONDS }, async ([job]) => {
        if (job) await handler(job.data as never);
      });
    }
    // Callers' units of work enqueue as their own role.
    await this.database.maintenance(
      `grant usage on schema ${SCHEMA} to commonplace_app; grant select on ${SCHEMA}.queue to commonplace_app;
       grant select, insert on ${SCHEMA}.job to commonplace_app`,
    );
    this.started = true;
  }

  /** Part of the unit's transaction: the job is there exactly when what it is about is. */
  async enqueue(unit: Unit, name: string, data: object): Promise<void> {
    const executeSql = async (text: string, values: unknown[] = []) => ({ rows: await unit.query({ text, values }), rowCount: 1 });
    await this.boss.send(name, data, { db: { executeSql } });
  }

  async stop(): Promise<void> {
    if (!this.started) return;
    this.boss.on('error', this.onError);
    await this.boss.stop({ graceful: true, wait: true, timeout: 5_000, close: false });
  }
}
