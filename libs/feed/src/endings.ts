import { CommonplaceError } from '#kernel';

export function revoked(why: string): CommonplaceError {
  return new CommonplaceError('ACCESS_REVOKED', why);
}

export function endOf(credential: 'REVOKED' | 'EXPIRED'): CommonplaceError {
  if (credential === 'REVOKED') return revoked('The key was revoked.');
  return new CommonplaceError('UNAUTHENTICATED', 'The key or token has expired.');
}

/** What is for the subscriber to know, and ends its subscription. */
export function isTold(error: unknown): error is CommonplaceError {
  return error instanceof CommonplaceError && ['CURSOR_EXPIRED', 'ACCESS_REVOKED'].includes(error.code);
}
