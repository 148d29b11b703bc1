import type { AccessService } from '#access';
import { storeAnalysis, takeOutdated } from './reanalysis.repository.js';

const BATCH = 200;
const FIRST_AFTER_MS = 5_000;
/** A broker of the version before may still be writing while others are replaced. */
const EVERY_MS = 600_000;

/**
 * Reads memories again that an older analysis has read, oldest analysis first: the words of a question are analysed as the
 * newest says, and would not meet theirs. Until it has come to them they are found by the words that both read alike.
 */
export class Reanalysis {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;
  private stopped = false;

  constructor(
    private readonly access: AccessService,
    private readonly onProgress: (read: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Once soon, then every ten minutes, until `stop`. */
  start(): void {
    this.schedule(FIRST_AFTER_MS);
  }

  /** Waits for the batch that is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** @returns how many were read again */
  async run(): Promise<number> {
    let read = 0;
    for (let batch = BATCH; batch === BATCH && !this.stopped; read += batch) {
      batch = await this.readOnce();
      if (batch > 0) this.onProgress(read + batch);
    }
    return read;
  }

  /** A unit of its own, so that none is long. */
  private readOnce(): Promise<number> {
    const { orgId } = this.access;
    return this.access.system('read memories again', async (unit) => {
      const memories = await takeOutdated(unit, orgId, BATCH);
      if (memories.length > 0) await storeAnalysis(unit, orgId, memories);
      return memories.length;
    });
  }

  private schedule(afterMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.run()
        .catch(this.onError)
        .finally(() => this.schedule(EVERY_MS));
    }, afterMs);
    this.timer.unref();
  }
}
