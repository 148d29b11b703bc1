import { CommonplaceError } from '#kernel';

/** A failure that an operator can act on: told in one line, without a stack. */
export function told(message: string): Error {
  return Object.assign(new Error(message), { told: true });
}

/** Anything that is not told is a fault of ours, and its stack is wanted. */
export async function fail(error: unknown): Promise<void> {
  process.exitCode = 1;
  if (await isTold(error)) console.error(`commonplace: ${(error as Error).message}`);
  else console.error(error);
}

async function isTold(error: unknown): Promise<boolean> {
  if (error instanceof CommonplaceError || (error instanceof Error && 'told' in error)) return true;
  // Loaded here only: with the database behind it, it takes as long as the rest of a command's start.
  const { ConfigError, DataDirLockedError } = await import('#platform');
  return error instanceof ConfigError || error instanceof DataDirLockedError;
}
