import type PgBoss from 'pg-boss';
import { setTimeout as pause } from 'node:timers/promises';
import { Rounds } from './rounds.js';

const POLL_MS = 2_000;
const STOP_WITHIN_MS = 5_000;
const TELL_ATTEMPTS = 5;
const TELL_PAUSE_MS = 1_000;

export type JobHandler<Data extends object> = (data: Data) => Promise<void>;

export interface WorkerOptions {
  handle: JobHandler<object>;
  /** Whoever takes longer has failed, and the job is begun again. */
  withinSeconds: number;
  onError: (error: Error) => void;
}

/**
 * Does the jobs of one queue, one at a time. In place of pg-boss' own worker, which tells Postgres of an ended job without
 * waiting for it: a lost connection at that moment is a rejection that nobody hears, and ends the process.
 */
export class Worker {
  private readonly rounds: Rounds;
  private isLate = false;
  private giveUp: (() => void) | undefined;

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
    const late = setTimeout(() => {
      this.isLate = true;
      this.giveUp?.();
    }, STOP_WITHIN_MS);
    await this.rounds.stop();
    clearTimeout(late);
  }

  private async drain(): Promise<void> {
    while (!this.rounds.stopped) {
      const [job] = await this.boss.fetch<object>(this.queue, { batchSize: 1 });
      if (!job) return;
      const failure = await this.attempt(job.data);
      await this.tell(() =>
        failure ? this.boss.fail(this.queue, job.id, failure) : this.boss.complete(this.queue, job.id),
      );
    }
  }

  private async attempt(data: object): Promise<Error | undefined> {
    const { handle, withinSeconds } = this.options;
    const stopped = new Error('The broker stopped before the job ended');
    if (this.isLate) return stopped;
    let timer: NodeJS.Timeout | undefined;
    const givenUp = new Promise<never>((_, reject) => {
      this.giveUp = () => reject(stopped);
      timer = setTimeout(
        () => reject(new Error(`The job took longer than ${withinSeconds} seconds`)),
        withinSeconds * 1_000,
      );
    });
    try {
      await Promise.race([givenUp, handle(data)]);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  /** What is told in vain is begun again when its time has passed: jobs are done at least once. */
  private async tell(outcome: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await outcome();
        return;
      } catch (error) {
        this.report(error);
        if (attempt === TELL_ATTEMPTS || this.rounds.stopped) return;
        await pause(attempt * TELL_PAUSE_MS);
      }
    }
  }

  private report(error: unknown): void {
    this.options.onError(error as Error);
  }
}
