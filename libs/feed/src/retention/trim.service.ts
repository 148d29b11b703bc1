import type { AccessService } from '#access';
import { Rounds } from '#platform';
import { deletePrefix, findPoolsToTrim, takeTrimLock } from './trim.repository.js';

const BATCH = 5_000;
const HOUR_MS = 3_600_000;
/** A broker that is restarted every day still trims, and twenty that start at once do not begin together. */
const FIRST_WITHIN_MS = 300_000;

/**
 * Deletes events that are older than the log is kept. Of each pool only a prefix goes, so what is left has no hole, and a cursor
 * that points into what is gone is told so. All of a pool's log may go: the pool itself has the number of its newest event.
 *
 * Age is by the database's own clock. That the clock of age decisions was shifted for a rehearsal must not delete anything: an
 * expiry that was rehearsed is undone by shifting it back, and a deletion is not.
 */
export class TrimLog {
  private readonly rounds: Rounds;

  constructor(
    private readonly access: AccessService,
    private readonly retentionDays: number,
    onError: (error: unknown) => void,
  ) {
    this.rounds = new Rounds(() => this.run(), { pauseMs: () => HOUR_MS * (0.75 + Math.random() / 2), onError });
  }

  /** Once soon, then about every hour, until `stop`. */
  start(): void {
    this.rounds.within(Math.random() * FIRST_WITHIN_MS);
  }

  /** Waits for the batch that is under way. */
  stop(): Promise<void> {
    return this.rounds.stop();
  }

  /** @returns how many events were deleted; 0 also where another broker is at it. */
  async run(): Promise<number> {
    const poolIds = await this.access.system('trim the log', (unit) =>
      findPoolsToTrim(unit, this.access.orgId, this.retentionDays),
    );
    let deleted = 0;
    for (const poolId of poolIds) {
      for (let batch = BATCH; batch === BATCH && !this.rounds.stopped;) {
        const trimmed = await this.trimOnce(poolId);
        if (trimmed === null) return deleted;
        batch = trimmed;
        deleted += trimmed;
      }
    }
    return deleted;
  }

  /** A unit of its own, so that none is long. @returns how many went; null where another broker is at it */
  private trimOnce(poolId: string): Promise<number | null> {
    const { orgId } = this.access;
    return this.access.system('trim the log', async (unit) => {
      if (!(await takeTrimLock(unit, orgId))) return null;
      return deletePrefix(unit, { orgId, poolId }, this.retentionDays, BATCH);
    });
  }
}
