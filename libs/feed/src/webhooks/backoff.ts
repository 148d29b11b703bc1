const DAY_MS = 86_400_000;
/** So that what failed together is not tried again together. */
const JITTER = 0.2;

/**
 * How long an event waits that has failed so often; null when it was the last time. What the receiver asks for is granted,
 * up to a day, and never shortens the wait.
 */
export function waitAfter(
  scheduleMs: readonly number[],
  failures: number,
  retryAfterMs: number,
  random = Math.random,
): number | null {
  const planned = scheduleMs[failures];
  if (planned === undefined) return null;
  return Math.max(planned * (1 + random() * JITTER), Math.min(retryAfterMs, DAY_MS));
}
