import type { AccessService } from '#access';
import type { Clock } from '#kernel';
import { addUses, type Use } from './usage.repository.js';

const FLUSH_AFTER_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Memories, not recalls: one that is recalled again takes no more room. */
const MOST_KEPT = 20_000;
/** A unit of work of its own, so that none is long. */
const AT_ONCE = 2_000;

/**
 * Counts what recall has returned, behind the answers: the read path only notes ids in memory, and about a second later one
 * statement adds them up. A broker that is killed loses what it noted since its last flush; one that drains, nothing.
 */
export class UsageCounter {
  private noted = new Map<string, Use>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();
  private failures = 0;
  private dropped = 0;
  private stopped = false;

  constructor(
    private readonly access: AccessService,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Returns at once. */
  note(memoryIds: readonly string[]): void {
    const now = this.clock.now();
    for (const memoryId of memoryIds) this.keep({ memoryId, count: 1, last: now });
    this.schedule();
  }

  /** Writes what was noted until now; what cannot be written is kept for the next time. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.write());
    return this.flushing;
  }

  /** Writes the rest. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.flush();
  }

  private async write(): Promise<void> {
    const waiting = [...this.noted.values()];
    this.noted = new Map();
    try {
      while (waiting.length > 0) {
        // Taken out when it is written, so that nothing is counted twice.
        await this.access.system('count recalls', (unit) =>
          addUses(unit, this.access.orgId, waiting.slice(0, AT_ONCE)),
        );
        waiting.splice(0, AT_ONCE);
      }
      this.failures = 0;
    } catch (error) {
      this.failures++;
      for (const use of waiting) this.keep(use);
      this.onError(this.dropped ? new Error(`${this.dropped} recalls were not counted`, { cause: error }) : error);
      this.dropped = 0;
    }
    if (this.noted.size > 0) this.schedule();
  }

  private keep(use: Use): void {
    const known = this.noted.get(use.memoryId);
    if (known) {
      known.count += use.count;
      if (use.last > known.last) known.last = use.last;
    } else if (this.noted.size < MOST_KEPT) this.noted.set(use.memoryId, { ...use });
    else this.dropped += use.count;
  }

  /** Later, the more often it has failed in a row. */
  private schedule(): void {
    if (this.timer || this.stopped) return;
    const afterMs = Math.min(LONGEST_PAUSE_MS, FLUSH_AFTER_MS * 2 ** this.failures);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, afterMs);
    this.timer.unref();
  }
}
