/**
 * AWAY: no answer, or one that says "not now". LATE: none within its time. RESTING: it was not asked, since it failed before.
 * REFUSED: it does not take this request. WRONG: what it answered cannot be used. MISSING: what it needs is not installed.
 */
export type ModelFailure = 'AWAY' | 'LATE' | 'RESTING' | 'REFUSED' | 'WRONG' | 'MISSING';

export interface FailureOptions extends ErrorOptions {
  retryAfterMs?: number | undefined;
}

/** A model that was asked in vain. */
export class ModelError extends Error {
  /** How long the model asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** How often it was asked. */
  attempts = 0;

  constructor(
    readonly failure: ModelFailure,
    message: string,
    options?: FailureOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** Whose failures are told: by what name, and as which error. */
export interface Subject {
  /** Such as "the embedder". */
  who: string;
  Failed: new (failure: ModelFailure, message: string, options?: FailureOptions) => ModelError;
}
