/**
 * Aborted after so many milliseconds, or with `stop`. Node.js 20 holds the timeout of an AbortSignal.any by a weak reference alone:
 * without a listener of its own it is collected while it is waited for, and what it was to end goes on for ever.
 */
export function signalWithin(ms: number, stop: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  deadline.addEventListener('abort', () => undefined);
  return AbortSignal.any([deadline, stop]);
}
