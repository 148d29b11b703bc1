import { describe, expect, it } from '@jest/globals';
import { badInput, CommonplaceError, type ErrorCode } from '#kernel';
import { DoneInPart, toldFailure } from './failures.js';

const failure = (code: ErrorCode) => new CommonplaceError(code, 'why', { retryAfterMs: 50 });

describe('a failure as it is told', () => {
  it.each(['RATE_LIMITED', 'FORBIDDEN', 'CONFLICT', 'QUOTA_EXCEEDED', 'NOT_FOUND'] as const)(
    '%s says that nothing was done',
    (code) => {
      expect(toldFailure(failure(code))).toMatch(/nothing was done: why/i);
    },
  );

  it('UNAVAILABLE does not: the connection may have been lost after the commit', () => {
    const told = toldFailure(failure('UNAVAILABLE'));
    expect(told).toBe('Not now, and it may not have been done: why Try again in 50 ms.');
  });

  it.each(['RATE_LIMITED', 'UNAVAILABLE', 'FORBIDDEN', 'CONFLICT', 'QUOTA_EXCEEDED', 'NOT_FOUND'] as const)(
    '%s after the first of several changes says that it was done in part, and never that nothing was',
    (code) => {
      const told = toldFailure(new DoneInPart(failure(code)));
      expect(told).toMatch(/it was done in part; call it again for the rest: why/i);
      expect(told).not.toMatch(/nothing|may not/i);
    },
  );

  it('of arguments names the argument as the tool does', () => {
    expect(toldFailure(badInput('entityId', 'is too long'))).toBe(
      'Wrong arguments, and nothing was done. user_id: is too long',
    );
  });

  it('that a model cannot mend is none of its business', () => {
    for (const code of ['UNAUTHENTICATED', 'ACCESS_REVOKED', 'INTERNAL'] as const)
      for (const error of [failure(code), new DoneInPart(failure(code))]) expect(toldFailure(error)).toBeUndefined();
  });
});
