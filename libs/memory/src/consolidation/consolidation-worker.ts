import { appendAudit, NIGHTLY, nextTime, type AccessService } from '#access';
import { CommonplaceError, newId, type Clock } from '#kernel';
import { Rounds } from '#platform';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConsolidationRun } from './consolidation.js';
import { finish, lease, release, type Leased } from './lease.repository.js';
import { LeaseLost, Runner, Stopped, type RunnerPace, type RunnerParts } from './runner.js';
import { RULES, type Summarizer } from './summarizer.js';
import { findRun, findScheduled, insertRun, type Scheduled } from './runs.repository.js';

export interface ConsolidationTiming extends RunnerPace {
  /** How often it looks for runs that wait, and for what is due. */
  pollMs: number;
  /** How long it leaves a run alone that has failed, doubled each time. */
  retryMs: number;
}

export const CONSOLIDATION_TIMING: ConsolidationTiming = { batch: 40, leaseMs: 60_000, pollMs: 30_000, retryMs: 1_000 };

/** Of one run, in a row of units that failed. */
const MOST_FAILURES = 5;
const LOOK_AGAIN_MS = 50;
/** By schedule; whoever asks by hand says it. */
export const OLDER_THAN_DAYS = 30;

export type WorkerParts = Omit<RunnerParts, 'summarizer'> & {
  summarizer?: Summarizer;
  /** Nobody else can have the database open: a lease is what a broker left that was killed. */
  alone: boolean;
  onError: (error: unknown) => void;
};

/** Works at runs, one at a time in each broker; a lease in the database keeps two brokers from the same one. */
export class ConsolidationWorker {
  private readonly access: AccessService;
  private readonly clock: Clock;
  private readonly timing: ConsolidationTiming;
  private readonly rounds: Rounds;
  private readonly stopping = new AbortController();
  /** In an embedded database the first lease that is taken may be one of before. */
  private alone: boolean;

  constructor(
    private readonly parts: WorkerParts,
    timing: Partial<ConsolidationTiming> = {},
  ) {
    this.access = parts.access;
    this.clock = parts.clock;
    this.alone = parts.alone;
    this.timing = { ...CONSOLIDATION_TIMING, ...timing };
    this.rounds = new Rounds(() => this.look(), { pauseMs: () => this.timing.pollMs, onError: parts.onError });
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  start(): void {
    this.rounds.within(this.timing.pollMs / 10);
  }

  /** A run was asked for. */
  wake(): void {
    this.rounds.within(0);
  }

  /** Waits for the unit that is under way, but for no model and no plan; the rest of the run is left to another broker, or to the next start. */
  async stop(): Promise<void> {
    this.stopping.abort(new Stopped('The broker stops.'));
    await this.rounds.stop();
  }

  /** Works at what waits and what is due, until nothing does. */
  async look(): Promise<void> {
    await this.beginScheduled();
    for (;;) {
      const leased = this.stopped ? undefined : await this.lease();
      if (!leased) return;
      await this.visit(leased);
    }
  }

  /** The run as it is by then: when it has ended, or when the time is up. */
  async attend(id: string, withinMs: number): Promise<ConsolidationRun | undefined> {
    this.wake();
    for (const deadline = Date.now() + withinMs; ; await pause(LOOK_AGAIN_MS)) {
      const run = await this.access.system('look at a run', (unit) => findRun(unit, this.access.orgId, id));
      if (!run || !['QUEUED', 'RUNNING'].includes(run.status) || Date.now() > deadline || this.stopped) return run;
    }
  }

  private lease(): Promise<Leased | undefined> {
    const { alone } = this;
    this.alone = false;
    const order = { leaseId: newId(), leaseMs: this.timing.leaseMs, alone };
    return this.access.system('lease a consolidation', (unit) => lease(unit, this.access.orgId, order));
  }

  private async visit(run: Leased): Promise<void> {
    const { summarizer = RULES, ...parts } = this.parts;
    const runner = new Runner({ ...parts, summarizer }, this.timing, parts.onError, this.stopping.signal);
    try {
      let more = true;
      while (more && !this.stopped) {
        more = await runner.advance(run);
        run.failures = 0;
      }
      if (more) await this.giveBack(run, run.failures, 0);
    } catch (error) {
      if (error instanceof LeaseLost) return;
      if (error instanceof Stopped) return this.giveBack(run, run.failures, 0);
      parts.onError(error);
      await this.fail(run, error);
    }
  }

  private async fail(run: Leased, error: unknown): Promise<void> {
    const failures = run.failures + 1;
    if (failures < MOST_FAILURES) return this.giveBack(run, failures, this.timing.retryMs * 2 ** failures);
    const message = error instanceof CommonplaceError ? error.message : 'It failed again and again; the log says why.';
    await this.access.system('end a consolidation', (unit) =>
      finish(unit, this.access.orgId, run, { status: 'FAILED', error: message }),
    );
  }

  private async giveBack(run: Leased, failures: number, pauseMs: number): Promise<void> {
    await this.access.system('give a consolidation back', (unit) =>
      release(unit, this.access.orgId, run, { failures, pauseMs }),
    );
  }

  /** One broker begins each: the time that was due is a key. */
  private async beginScheduled(): Promise<void> {
    const { orgId } = this.access;
    const scheduled = await this.access.system('look for what is due', (unit) => findScheduled(unit, orgId, NIGHTLY));
    for (const one of scheduled) {
      const time = dueTime(one);
      if (time && !this.stopped) await this.begin(one.poolId, time);
    }
  }

  private begin(poolId: string, scheduledFor: Date): Promise<void> {
    const { orgId } = this.access;
    const id = newId();
    const settings = { dryRun: false, olderThanDays: OLDER_THAN_DAYS, askedById: null, scheduledFor };
    return this.access.system('begin a scheduled consolidation', async (unit) => {
      if (!(await insertRun(unit, orgId, { id, poolId, asOf: this.clock.now(), ...settings }))) return;
      const detail = {
        poolId,
        dryRun: false,
        olderThanDays: OLDER_THAN_DAYS,
        scheduledFor: scheduledFor.toISOString(),
      };
      await appendAudit(unit, { action: 'consolidation.run', target: id, detail });
    });
  }
}

/** A run that was missed is made up for once, however often it was. By the database's clock: a shifted one is for ages alone. */
function dueTime({ cron, since, now }: Scheduled): Date | null {
  const next = nextTime(cron, since);
  return next && next <= now ? next : null;
}
