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
import { ModelError, type ModelFailure, type Subject } from './model-error.js';

const MORE_ATTEMPTS = 2;
const OPEN_AFTER_FAILURES = 5;
const HALF_OPEN_AFTER_MS = 10_000;
/** All attempts of one call and the pauses between them, in times of one attempt. */
const WHOLE = 2;

export interface Manners extends Subject {
  /** Doubled with each further attempt, and different for each call. */
  firstPauseMs: number;
  /** What another try may mend. */
  again: readonly ModelFailure[];
}

/** The longest that one call takes, with all its attempts. */
export const wholeMs = (timeoutMs: number): number => WHOLE * timeoutMs;

/**
 * Asks with an end: each attempt has its time, all of them together twice that; what another try may mend is tried up to three
 * times. After five such calls in a row that failed the model is left alone for ten seconds, and then asked by one call while others are
 * still refused at once. A request that is refused says nothing of the model's health.
 */
export class Attempts {
  private readonly breaker: CircuitBreakerPolicy;
  /** Until when the model asked to be left alone. */
  private restUntil = 0;

  constructor(
    private readonly manners: Manners,
    private readonly random: () => number = Math.random,
  ) {
    const isFault = (error: Error) => !(error instanceof ModelError) || error.failure !== 'REFUSED';
    this.breaker = circuitBreaker(handleWhen(isFault), {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new ConsecutiveBreaker(OPEN_AFTER_FAILURES),
    });
  }

  /** @throws the subject's error, with the number of attempts in it */
  async run<Answer>(
    timeoutMs: number,
    ask: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<{ answer: Answer; attempts: number }> {
    this.refuseWhileResting();
    const end = Date.now() + wholeMs(timeoutMs);
    let attempts = 0;
    let before: Error | undefined;
    const again = handleWhen((error) => this.isWorthAnother(error) && Date.now() + this.pause(error, attempts) < end);
    const backoff = new DelegateBackoff<{ attempt: number; result: object }>(({ attempt, result }) =>
      this.pause('error' in result ? (result.error as Error) : undefined, attempt),
    );
    try {
      const answer = await wrap(this.breaker, retry(again, { maxAttempts: MORE_ATTEMPTS, backoff })).execute(() => {
        attempts++;
        const ms = Math.max(1, Math.min(timeoutMs, end - Date.now()));
        return this.once(ms, ask).catch((error: Error) => {
          const isCutShort = ms < timeoutMs && error instanceof ModelError && error.failure === 'LATE';
          // What the one before met says more than that this one had no time left.
          before = isCutShort ? (before ?? error) : error;
          throw before;
        });
      });
      return { answer, attempts };
    } catch (error) {
      const failure = error instanceof BrokenCircuitError ? this.resting(error) : error;
      if (failure instanceof ModelError) failure.attempts = attempts;
      throw failure;
    }
  }

  private refuseWhileResting(): void {
    const { who, Failed } = this.manners;
    const waitMs = this.restUntil - Date.now();
    if (waitMs > 0) throw new Failed('RESTING', `${who} asked to be left alone for a while`, { retryAfterMs: waitMs });
    // Cockatiel lets others wait for the one that tries: a recall would wait for a server that hangs.
    if (this.breaker.state === CircuitState.HalfOpen) throw this.resting();
  }

  /** The signal ends the request; the race ends the wait for a model that does not heed it. */
  private async once<Answer>(ms: number, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const { who, Failed } = this.manners;
    const deadline = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        deadline.abort();
        reject(new Failed('LATE', `${who} did not answer within ${ms} ms`));
      }, ms);
    });
    try {
      return await Promise.race([ask(deadline.signal), late]);
    } catch (error) {
      if (error instanceof ModelError && error.retryAfterMs !== undefined)
        this.restUntil = Math.max(this.restUntil, Date.now() + error.retryAfterMs);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private isWorthAnother(error: Error): boolean {
    return error instanceof ModelError && this.manners.again.includes(error.failure);
  }

  private pause(error: Error | undefined, attempt: number): number {
    if (error instanceof ModelError && error.retryAfterMs !== undefined) return error.retryAfterMs;
    return this.manners.firstPauseMs * 2 ** (attempt - 1) * (0.5 + this.random());
  }

  private resting(cause?: Error): ModelError {
    const { who, Failed } = this.manners;
    return new Failed('RESTING', `${who} failed several times in a row and is left alone for a while`, { cause });
  }
}
