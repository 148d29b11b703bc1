import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A line that is lost sooner belongs to the outage before it. */
const STEADY_MS = 1_000;

/** A connection over which replicas hear each other. */
export interface Line {
  /** Tells the others. Rejects, within a time of its own, where that did not go out. */
  send(): Promise<void>;
  /** Settles when the connection is gone, with why; never rejects. */
  gone: Promise<Error>;
  /** Settles soon, whatever the other end does. */
  hangUp(): Promise<void>;
}

/** Connects and listens. `signal` fires when nobody wants the answer any more. */
export type Dial = (onHeard: () => void, signal: AbortSignal) => Promise<Line>;

/** Called from the line: `onHeard` for every ring of another replica, and where one may have been missed. */
export interface Listening {
  onHeard: () => void;
  /** Once an outage. */
  onError: (error: unknown) => void;
}

/** A line that is dialled again whenever it is lost. Nothing waits for it and nothing fails by it: what goes over it are hints. */
export class KeptLine {
  private readonly closing = new AbortController();
  private line: Line | undefined;
  private sending = false;
  private unsent = false;

  constructor(
    private readonly dial: Dial,
    private readonly listening: Listening,
  ) {
    void this.keep();
  }

  /** One is under way at a time; what comes meanwhile, or while there is no connection, is sent once afterwards. */
  send(): void {
    this.unsent = true;
    if (this.line && !this.sending) void this.sendOn(this.line);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.line?.hangUp();
  }

  private async keep(): Promise<void> {
    const { signal } = this.closing;
    let told = false;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const line = await this.dial(this.listening.onHeard, signal);
        const since = performance.now();
        const why = await this.use(line);
        if (performance.now() - since > STEADY_MS) {
          failures = 0;
          told = false;
        }
        throw why;
      } catch (error) {
        if (signal.aborted) return;
        if (!told) this.listening.onError(error);
        told = true;
      }
      await pause(backoff(failures), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns why the line was lost */
  private async use(line: Line): Promise<Error> {
    if (this.closing.signal.aborted) {
      await line.hangUp();
      return await line.gone;
    }
    this.line = line;
    // Whoever rang before the line stood was not heard.
    this.listening.onHeard();
    if (this.unsent && !this.sending) void this.sendOn(line);
    const why = await line.gone;
    this.line = undefined;
    return why;
  }

  private async sendOn(line: Line): Promise<void> {
    this.sending = true;
    try {
      while (this.unsent && this.line === line) {
        this.unsent = false;
        await line.send();
      }
    } catch {
      this.unsent = true;
      // A line that does not answer may not say so by itself.
      await line.hangUp();
    } finally {
      this.sending = false;
    }
  }
}

/** Doubled each time, and spread, so that replicas do not come back in step. */
function backoff(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
}
