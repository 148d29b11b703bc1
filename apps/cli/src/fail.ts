import { CommonplaceError } from '#kernel';

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

/** By a mark and not by its class: the classes come with the database, which takes as long to load as the rest of a command. */
function isTold(error: unknown): error is Error {
  return error instanceof CommonplaceError || (error instanceof Error && 'told' in error);
}
