export interface RoundsOptions {
  /** Between the end of a round and the begin of the next. */
  pauseMs: () => number;
  onError: (error: unknown) => void;
}

/** Background work of one process that comes again and again: one round at a time, until it is stopped. */
export class Rounds {
  private ended = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;
  private dueAt = Infinity;

  constructor(
    private readonly round: () => Promise<unknown>,
    private readonly options: RoundsOptions,
  ) {}

  /** A round looks at it between its steps, so that a stop need not wait for all of them. */
  get stopped(): boolean {
    return this.ended;
  }

  /** A round begins in so many milliseconds, or earlier where one was to; behind the one that is under way. */
  within(ms: number): void {
    if (this.ended) return;
    const dueAt = performance.now() + ms;
    if (dueAt >= this.dueAt) return;
    this.dueAt = dueAt;
    if (!this.running) this.wait(ms);
  }

  /** Waits for the round that is under way. */
  async stop(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private wait(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.begin(), ms);
    this.timer.unref();
  }

  private begin(): void {
    this.dueAt = Infinity;
    // Not called right here: a round that fails or wakes at once must find itself under way.
    this.running = Promise.resolve()
      .then(() => this.round())
      .catch(this.options.onError)
      .finally(() => this.rest());
  }

  private rest(): void {
    this.running = undefined;
    if (this.ended) return;
    const now = performance.now();
    this.dueAt = Math.min(this.dueAt, now + this.options.pauseMs());
    this.wait(Math.max(0, this.dueAt - now));
  }
}
