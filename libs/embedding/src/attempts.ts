import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  retry,
  wrap,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { EmbedderError, type Patience } from './embedder.js';

const MORE_ATTEMPTS = 2;
const FIRST_PAUSE_MS = 100;
const OPEN_AFTER_FAILURES = 5;
const HALF_OPEN_AFTER_MS = 10_000;
/** A hundred texts in the background take a model on a processor longer than one query. */
const PATIENCE: Record<Patience, number> = { 'somebody waits': 1, 'nobody waits': 10 };

/**
 * Asks with an end: each attempt has `timeoutMs`, all of them together twice that; what may pass by itself is tried up to three
 * times. After five such calls in a row that failed the model is left alone for ten seconds, and then asked by one call while others are
 * still refused at once.
 */
export class Attempts {
  private readonly breaker: CircuitBreakerPolicy;
  /** Until when the model asked to be left alone. */
  private restUntil = 0;

  constructor(
    private readonly timeoutMs: number,
    private readonly random: () => number = Math.random,
  ) {
    this.breaker = circuitBreaker(handleWhen(isFault), {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new ConsecutiveBreaker(OPEN_AFTER_FAILURES),
    });
  }

  /** @throws EmbedderError */
  async run<Answer>(patience: Patience, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    this.refuseWhileResting();
    const attemptMs = this.timeoutMs * PATIENCE[patience];
    const end = Date.now() + 2 * attemptMs;
    const again = handleWhen((error) => isWorthAnother(error) && Date.now() + this.pause(error, 1) < end);
    const backoff = new DelegateBackoff<{ attempt: number; result: object }>(({ attempt, result }) =>
      this.pause('error' in result ? (result.error as Error) : undefined, attempt),
    );
    try {
      return await wrap(this.breaker, retry(again, { maxAttempts: MORE_ATTEMPTS, backoff })).execute(() =>
        this.once(Math.max(1, Math.min(attemptMs, end - Date.now())), ask),
      );
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw resting(error);
      throw error;
    }
  }

  private refuseWhileResting(): void {
    const waitMs = this.restUntil - Date.now();
    if (waitMs > 0)
      throw new EmbedderError('RESTING', 'the embedder asked to be left alone for a while', { retryAfterMs: waitMs });
    // Cockatiel lets others wait for the one that tries: a recall would wait for a server that hangs.
    if (this.breaker.state === CircuitState.HalfOpen) throw resting();
  }

  /** The signal ends the request; the race ends the wait for a model that does not heed it. */
  private async once<Answer>(ms: number, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const deadline = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        deadline.abort();
        reject(new EmbedderError('LATE', `the embedder did not answer within ${ms} ms`));
      }, ms);
    });
    try {
      return await Promise.race([ask(deadline.signal), late]);
    } catch (error) {
      if (error instanceof EmbedderError && error.retryAfterMs !== undefined)
        this.restUntil = Math.max(this.restUntil, Date.now() + error.retryAfterMs);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private pause(error: Error | undefined, attempt: number): number {
    if (error instanceof EmbedderError && error.retryAfterMs !== undefined) return error.retryAfterMs;
    return FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + this.random());
  }
}

const resting = (cause?: Error) =>
  new EmbedderError('RESTING', 'the embedder failed several times in a row and is left alone for a while', { cause });

/** A refused text says nothing of the model's health. */
const isFault = (error: Error): boolean => !(error instanceof EmbedderError) || error.failure !== 'REFUSED';

/** Who did not answer in time would only be given more to do. */
const isWorthAnother = (error: Error): boolean => error instanceof EmbedderError && error.failure === 'AWAY';
