import { raceDeadline } from '#kernel';
import type PgBoss from 'pg-boss';
import { setTimeout as pause } from 'node:timers/promises';
import { Rounds } from './rounds.js';

const POLL_MS = 2_000;
const STOP_WITHIN_MS = 4_000;
const FAREWELL_MS = 1_000;
const TELL_ATTEMPTS = 5;
const TELL_PAUSE_MS = 1_000;
/** So much later Postgres takes a job for lost: time to be told that it failed here. */
export const EXPIRY_SLACK_SECONDS = 30;

export type JobHandler<Data extends object> = (data: Data) => Promise<void>;

export interface WorkerOptions {
  handle: JobHandler<object>;
  /** Whoever takes longer has failed, and the job is begun again. */
  withinSeconds: number;
  executeSql: PgBoss.Db['executeSql'];
  onError: (error: Error) => void;
}

/**
 * Does the jobs of one queue, one after the other. In place of pg-boss' own worker, which tells Postgres of an ended job without
 * waiting for it: a lost connection at that moment is a rejection that nobody hears, and ends the process.
 */
export class Worker {
  private readonly rounds: Rounds;
  private readonly stopping = new AbortController();
  private readonly late = new AbortController();
  /** Of each statement what failed is told: pg-boss keeps it to itself when it fetches. */
  private readonly db: PgBoss.Db = {
    executeSql: async (text, values) => {
      try {
        return await this.options.executeSql(text, values);
      } catch (error) {
        this.report(error);
        throw error;
      }
    },
  };

  constructor(
    private readonly boss: PgBoss,
    private readonly queue: string,
    private readonly options: WorkerOptions,
  ) {
    this.rounds = new Rounds(() => this.drain(), { pauseMs: () => POLL_MS, onError: (error) => this.report(error) });
  }

  start(): void {
    this.rounds.within(0);
  }

  /** Waits for the job that is under way, a while: then it has failed, for another broker or the next start. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const ended = this.rounds.stop();
    await raceDeadline(STOP_WITHIN_MS, () => ended).catch(() => undefined);
    this.late.abort(new Error('The broker stopped before the job ended'));
    await raceDeadline(FAREWELL_MS, () => ended).catch(() => undefined);
  }

  /** Until there is none, or one that failed: of jobs that fail one after the other each waits a moment. */
  private async drain(): Promise<void> {
    while (!this.rounds.stopped) {
      const [job] = await this.boss.fetch<object>(this.queue, { batchSize: 1, db: this.db });
      if (!job) return;
      const failure = await this.attempt(job);
      if (failure) return this.tellFailed(job.id, failure);
      await this.tellDone(job.id);
    }
  }

  private async attempt({ data, expireInSeconds }: PgBoss.Job<object>): Promise<Error | undefined> {
    // The job's own, where it was enqueued when there was less time for it: Postgres has it begun again then.
    const expiry = Math.max(1, Number(expireInSeconds) - EXPIRY_SLACK_SECONDS);
    const seconds = Math.min(this.options.withinSeconds, expiry);
    try {
      await raceDeadline(seconds * 1_000, () => this.options.handle(data), this.late.signal);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Once: told again, it might end the attempt of another broker that has begun it meanwhile. */
  private async tellFailed(id: string, failure: Error): Promise<void> {
    await this.boss.fail(this.queue, id, failure, { db: this.db }).catch(() => undefined);
  }

  /** What is told in vain is begun again when its time has passed: jobs are done at least once. */
  private async tellDone(id: string): Promise<void> {
    for (let attempt = 1; attempt <= TELL_ATTEMPTS; attempt++) {
      try {
        // Without the empty answer the database would be taken for one.
        await this.boss.complete(this.queue, id, {}, { db: this.db });
        return;
      } catch {
        if (this.rounds.stopped) return;
        await pause(attempt * TELL_PAUSE_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }

  private report(error: unknown): void {
    this.options.onError(error as Error);
  }
}
