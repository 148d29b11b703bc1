/**
 * The one table of failure codes. A transport maps it in one exhaustive switch; clients see the code, the message and
 * `details`, never a stack or SQL.
 */
export const ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'BAD_INPUT',
  'CONFLICT',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'UNAVAILABLE',
  'CURSOR_EXPIRED',
  'ACCESS_REVOKED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorDetails {
  /** Dotted path of the input that was wrong, such as `input.limit`. */
  field?: string;
  /** For RATE_LIMITED and UNAVAILABLE: when another try makes sense. */
  retryAfterMs?: number;
}

/** A failure that a caller may be told of. Anything else that is thrown is INTERNAL to clients and logged whole. */
export class CommonplaceError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommonplaceError';
  }
}

/** The input at `field` was wrong; the message names the field, so that it stands alone. */
export function badInput(field: string, problem: string): CommonplaceError {
  return new CommonplaceError('BAD_INPUT', `${field}: ${problem}`, { field });
}

/** One answer for what is missing and for what the caller may not see: a difference would tell that it is there. */
export function notFound(what: string): CommonplaceError {
  return new CommonplaceError('NOT_FOUND', `${what} was not found, or is not yours to see.`);
}
