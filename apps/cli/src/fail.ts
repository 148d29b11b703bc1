import { CommonplaceError } from '#kernel';
import { ConfigError, DataDirLockedError } from '#platform';

/** A failure that an operator can act on: told in one line, without a stack. */
export function told(message: string): Error {
  return Object.assign(new Error(message), { told: true });
}

/** Anything that is not told is a fault of ours, and its stack is wanted. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  if (isTold(error)) console.error(`commonplace: ${error.message}`);
  else console.error(error);
}

function isTold(error: unknown): error is Error {
  if (error instanceof ConfigError || error instanceof DataDirLockedError || error instanceof CommonplaceError)
    return true;
  return error instanceof Error && 'told' in error;
}
