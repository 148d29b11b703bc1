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
import { ChatError, type ChatAnswer } from './chat-model.js';

const MORE_ATTEMPTS = 2;
const FIRST_PAUSE_MS = 500;
const OPEN_AFTER_FAILURES = 5;
const HALF_OPEN_AFTER_MS = 10_000;
/** All attempts of one call and the pauses between them, in times of one attempt. */
const WHOLE = 2;

/**
 * Asks with an end: each attempt has `timeoutMs`, all of them with their pauses twice that; what another try may mend is
 * tried up to three times, after pauses that double and differ. After five such calls in a row that failed the model is left
 * alone for ten seconds, and then asked by one call while others are still refused at once.
 */
export class Attempts {
  private readonly breaker: CircuitBreakerPolicy;
  /** The longest that all attempts of one call take. */
  readonly withinMs: number;
  /** Until when the model asked to be left alone. */
  private restUntil = 0;

  constructor(
    private readonly timeoutMs: number,
    private readonly random: () => number = Math.random,
  ) {
    this.withinMs = WHOLE * timeoutMs;
    this.breaker = circuitBreaker(handleWhen(isFault), {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new ConsecutiveBreaker(OPEN_AFTER_FAILURES),
    });
  }

  /** @throws ChatError, with the number of attempts in it */
  async run<Answer>(ask: (signal: AbortSignal) => Promise<Answer>): Promise<ChatAnswer<Answer>> {
    this.refuseWhileResting();
    const end = Date.now() + this.withinMs;
    let attempts = 0;
    const again = handleWhen((error) => isWorthAnother(error) && Date.now() + this.pause(error, attempts) < end);
    const backoff = new DelegateBackoff<{ attempt: number; result: object }>(({ attempt, result }) =>
      this.pause('error' in result ? (result.error as Error) : undefined, attempt),
    );
    try {
      const answer = await wrap(this.breaker, retry(again, { maxAttempts: MORE_ATTEMPTS, backoff })).execute(() => {
        attempts++;
        return this.once(Math.max(1, Math.min(this.timeoutMs, end - Date.now())), ask);
      });
      return { answer, attempts };
    } catch (error) {
      const failure = error instanceof BrokenCircuitError ? resting(error) : error;
      if (failure instanceof ChatError) failure.attempts = attempts;
      throw failure;
    }
  }

  private refuseWhileResting(): void {
    const waitMs = this.restUntil - Date.now();
    if (waitMs > 0)
      throw new ChatError('RESTING', 'the language model asked to be left alone for a while', { retryAfterMs: waitMs });
    // Cockatiel lets others wait for the one that tries.
    if (this.breaker.state === CircuitState.HalfOpen) throw resting();
  }

  /** The signal ends the request; the race ends the wait for a server that does not heed it. */
  private async once<Answer>(ms: number, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const deadline = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        deadline.abort();
        reject(new ChatError('LATE', `the language model did not answer within ${ms} ms`));
      }, ms);
    });
    try {
      return await Promise.race([ask(deadline.signal), late]);
    } catch (error) {
      if (error instanceof ChatError && error.retryAfterMs !== undefined)
        this.restUntil = Math.max(this.restUntil, Date.now() + error.retryAfterMs);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private pause(error: Error | undefined, attempt: number): number {
    if (error instanceof ChatError && error.retryAfterMs !== undefined) return error.retryAfterMs;
    return FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + this.random());
  }
}

const resting = (cause?: Error) =>
  new ChatError('RESTING', 'the language model failed several times in a row and is left alone for a while', { cause });

/** A refused request says nothing of the model's health. */
const isFault = (error: Error): boolean => !(error instanceof ChatError) || error.failure !== 'REFUSED';

/** The same words may be answered well the next time, also by another server behind the same address. */
const isWorthAnother = (error: Error): boolean =>
  error instanceof ChatError && ['AWAY', 'LATE', 'WRONG'].includes(error.failure);
