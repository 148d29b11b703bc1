import type { AccessService } from '#access';
import { readPulse } from './feed.repository.js';

const POLL_MS = 250;

/** How far a subscriber has come. */
export interface Progress {
  seqs: ReadonlyMap<string, number>;
  generation: number;
}

interface Listener extends Progress {
  wake: () => void;
}

/** One reader of the pools' numbers for all subscribers of this process. It asks four times a second, and only while anybody listens. */
export class Tailer {
  private readonly listeners = new Set<Listener>();
  private timer: NodeJS.Timeout | undefined;
  private newest: Progress = { seqs: new Map(), generation: 0 };
  private closed = false;

  constructor(
    private readonly access: AccessService,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Waits until there is more than `progress`, or the access may have changed; at most `timeoutMs`, or until `signal` fires. */
  async next(progress: Progress, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.closed || signal.aborted || this.isNews(progress)) return;
    let timeout: NodeJS.Timeout | undefined;
    let listener: Listener | undefined;
    let wake: (() => void) | undefined;
    try {
      await new Promise<void>((resolve) => {
        wake = resolve;
        listener = { ...progress, wake: resolve };
        timeout = setTimeout(resolve, timeoutMs);
        signal.addEventListener('abort', resolve as () => void, { once: true });
        this.listeners.add(listener);
        this.schedule();
      });
    } finally {
      clearTimeout(timeout);
      if (listener) this.listeners.delete(listener);
      if (wake) signal.removeEventListener('abort', wake);
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const listener of [...this.listeners]) listener.wake();
  }

  private isNews({ seqs, generation }: Progress): boolean {
    if (this.newest.generation > generation) return true;
    for (const [poolId, seq] of seqs) if ((this.newest.seqs.get(poolId) ?? 0) > seq) return true;
    return false;
  }

  private schedule(): void {
    if (this.timer || this.closed) return;
    this.timer = setTimeout(() => void this.poll(), POLL_MS);
    this.timer.unref();
  }

  private async poll(): Promise<void> {
    try {
      this.newest = await this.access.system('tail', (unit) => readPulse(unit, this.access.orgId));
      for (const listener of [...this.listeners]) if (this.isNews(listener)) listener.wake();
    } catch (error) {
      this.onError(error);
    } finally {
      this.timer = undefined;
      if (this.listeners.size > 0) this.schedule();
    }
  }
}
