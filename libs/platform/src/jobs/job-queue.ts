import type PgBoss from 'pg-boss';
import { setTimeout as pause } from 'node:timers/promises';
import { raceDeadline } from '#kernel';
import type { Database, Unit } from '../database/database.js';
import { sqlState } from '../database/failures.js';
import { letUnitsEnqueue, releaseOrphans } from './job-queue.repository.js';
import { EXPIRY_SLACK_SECONDS, Worker, type JobHandler } from './worker.js';

const SCHEMA = 'job';
const RETRY_LIMIT = 20;
const RETRY_DELAY_SECONDS = 2; // doubled with each try, up to hours: a model may be down for long, and nothing may be lost
const LOOK_FOR_LOST_SECONDS = 60;
/** For what a worker asks. */
const ANSWER_MS = 20_000;
/** For what pg-boss asks by itself: it makes its tables, and clears them of old jobs. */
const UPKEEP_MS = 300_000;
const STOP_UPKEEP_WITHIN_MS = 1_000;
/** The queue takes less than a day. */
const MOST_SECONDS = 80_000;
const MAX_SET_UPS = 10;
const SET_UP_PAUSE_MS = 200;
/**
 * Two brokers that set the queue up at once get into each other's way: neither pg-boss nor Postgres makes one of them wait
 * for it all. Deadlock; unique violation in the catalogue; tuple concurrently updated; a schema, table or object that is there.
 */
const MET_ANOTHER = new Set(['40P01', '23505', 'XX000', '42P06', '42P07', '42710']);

interface Task {
  handle: JobHandler<object>;
  withinSeconds: number;
}

/** Work for later, enqueued in the transaction of what it is about, done at least once, retried with growing delays. */
export class JobQueue {
  private boss: PgBoss | undefined;
  private readonly tasks = new Map<string, Task>();
  private readonly workers: Worker[] = [];
  /** What pg-boss waits for. */
  private readonly upkeep = new Set<Promise<unknown>>();

  constructor(
    private readonly database: Database,
    private readonly onError: (error: Error) => void,
  ) {}

  /**
   * Called before start.
   * @param withinSeconds a job that takes longer was left behind by a broker that is gone, or is taken for such: it is begun again, also while it goes on
   */
  register<Data extends object>(name: string, handler: JobHandler<Data>, withinSeconds: number): void {
    this.tasks.set(name, {
      handle: handler as JobHandler<object>,
      withinSeconds: Math.min(withinSeconds, MOST_SECONDS),
    });
  }

  /** Does nothing while no task is registered: a broker without an embedder has none. */
  async start(): Promise<void> {
    if (this.tasks.size === 0) return;
    for (let attempt = 1; !this.boss; attempt++) {
      try {
        this.boss = await this.setUp();
      } catch (error) {
        if (attempt === MAX_SET_UPS || !MET_ANOTHER.has(sqlState(error) ?? '')) throw error;
        await pause(Math.random() * attempt * SET_UP_PAUSE_MS);
      }
    }
    // Jobs may enqueue others: they begin when everything is there.
    for (const [name, task] of this.tasks) {
      const executeSql = (text: string, values?: unknown[]) => this.database.maintenance(text, values, ANSWER_MS);
      const worker = new Worker(this.boss, name, { ...task, executeSql, onError: this.onError });
      this.workers.push(worker);
      worker.start();
    }
    await this.boss.maintain().catch(this.onError);
  }

  /** Part of the unit's transaction: the job is there exactly when what it is about is. */
  async enqueue(unit: Unit, name: string, data: object): Promise<void> {
    if (!this.boss) throw new Error(`No task takes jobs of the name ${name}`);
    const executeSql = async (text: string, values: unknown[] = []) => ({
      rows: await unit.query({ text, values }),
      rowCount: 1,
    });
    await this.boss.send(name, data, { db: { executeSql } });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.boss?.stop({ graceful: false, close: false });
    await raceDeadline(STOP_UPKEEP_WITHIN_MS, () => this.upkeepEnded()).catch(() => undefined);
  }

  private async upkeepEnded(): Promise<void> {
    while (this.upkeep.size > 0) await Promise.all(this.upkeep);
  }

  private keepUp(text: string, values?: unknown[]): ReturnType<Database['maintenance']> {
    const answer = this.database.maintenance(text, values, UPKEEP_MS);
    const ended: Promise<unknown> = answer.catch(() => undefined).finally(() => this.upkeep.delete(ended));
    this.upkeep.add(ended);
    return answer;
  }

  private async setUp(): Promise<PgBoss> {
    const { default: PgBoss } = await import('pg-boss');
    const executeSql = (text: string, values?: unknown[]) => this.keepUp(text, values);
    const options = { schema: SCHEMA, schedule: false, maintenanceIntervalSeconds: LOOK_FOR_LOST_SECONDS };
    const boss = new PgBoss({ db: { executeSql }, ...options });
    boss.on('error', this.onError);
    try {
      await boss.start();
      // Nobody else works on the embedded database: what is under way there was left behind.
      if (this.database.kind === 'embedded') await releaseOrphans(this.database, SCHEMA);
      for (const [name, { withinSeconds }] of this.tasks) await makeQueue(boss, name, withinSeconds);
      await letUnitsEnqueue(this.database, SCHEMA);
      return boss;
    } catch (error) {
      // It would go on asking, and keep a process alive that did not start.
      await boss.stop({ graceful: false, close: false });
      throw error;
    }
  }
}

async function makeQueue(boss: PgBoss, name: string, withinSeconds: number): Promise<void> {
  const options = {
    name,
    retryLimit: RETRY_LIMIT,
    retryDelay: RETRY_DELAY_SECONDS,
    retryBackoff: true,
    expireInSeconds: withinSeconds + EXPIRY_SLACK_SECONDS,
  };
  await boss.createQueue(name, options);
  // One that was there keeps the options that it was made with.
  await boss.updateQueue(name, options);
}
