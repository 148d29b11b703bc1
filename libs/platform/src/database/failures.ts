import { CommonplaceError } from '#kernel';

/** The caller's policy, or its list of pools, is not the newest: load it again and retry. Raised by sec.fence(). */
export const STALE_ACCESS = 'AB001';
/** The caller's key was revoked or has expired. Raised by sec.fence(). */
export const CREDENTIAL_ENDED = 'AB002';

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
/**
 * A prepared statement that is not there, or is already: a unit on the same connection that failed before was to prepare it, and pg
 * thought it done, or undone.
 */
const UNPREPARED = '26000';
const PREPARED_ALREADY = '42P05';
const RETRYABLE = new Set<string | undefined>([SERIALIZATION_FAILURE, DEADLOCK, UNPREPARED, PREPARED_ALREADY]);
export const UNIQUE_VIOLATION = '23505';
/** A unit did not wait any longer for what others hold. */
export const LOCK_NOT_AVAILABLE = '55P03';
/** https://www.postgresql.org/docs/15/errcodes-appendix.html: connection (08), resources (53), operator intervention (57). */
const UNAVAILABLE_CLASSES = ['08', '53', '57'];
/** Of Node.js, for a host or a socket that is gone. */
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
const LOST_CONNECTION =
  /Connection terminated|timeout exceeded when trying to connect|connection error|Query read timeout|embedded database stopped/i;

/** What Postgres said; undefined where it was not Postgres that failed, so that it is not known what became of the statement. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
}

export const isRetryable = (error: unknown): boolean => RETRYABLE.has(sqlState(error));

/** Postgres that is away, or that gave up, is UNAVAILABLE and worth another try; all else stays what it is. */
export function translate(error: unknown): unknown {
  if (error instanceof CommonplaceError) return error;
  if (isAway(error) || isRetryable(error)) {
    return new CommonplaceError(
      'UNAVAILABLE',
      'The database does not answer; try again.',
      { retryAfterMs: 1000 },
      { cause: error },
    );
  }
  return error;
}

function isAway(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined)
    return state === LOCK_NOT_AVAILABLE || UNAVAILABLE_CLASSES.some((prefix) => state.startsWith(prefix));
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return NETWORK_CODES.has(String(code)) || LOST_CONNECTION.test(String(message));
}
