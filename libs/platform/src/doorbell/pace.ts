import { performance } from 'node:perf_hooks';

/** Runs `action` soon after it was asked for, however often it was, and at most once in `everyMs`. Whatever was asked for after it began is done again. */
export class Pace {
  private cancel: (() => void) | undefined;
  private ranAt = -Infinity;
  private closed = false;

  constructor(
    private readonly everyMs: number,
    private readonly action: () => void,
  ) {}

  ask(): void {
    if (this.cancel || this.closed) return;
    const rest = this.ranAt + this.everyMs - performance.now();
    this.cancel = rest > 0 ? later(this.run, Math.ceil(rest)) : soon(this.run);
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private readonly run = (): void => {
    this.cancel = undefined;
    this.ranAt = performance.now();
    this.action();
  };
}

/** Behind what this turn of the event loop still commits. */
function soon(action: () => void): () => void {
  const immediate = setImmediate(action);
  return () => clearImmediate(immediate);
}

function later(action: () => void, ms: number): () => void {
  const timer = setTimeout(action, ms).unref();
  return () => clearTimeout(timer);
}
