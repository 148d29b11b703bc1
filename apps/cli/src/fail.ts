import { CommonplaceError } from '#kernel';
import { ConfigError, DataDirLockedError } from '#platform';

/** What an operator can act on is one line; anything else is a fault of ours, and its stack is wanted. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  if (isTold(error)) console.error(`commonplace: ${error.message}`);
  else console.error(error);
}

function isTold(error: unknown): error is Error {
  if (error instanceof ConfigError || error instanceof DataDirLockedError || error instanceof CommonplaceError) return true;
  return error instanceof Error && 'told' in error;
}
