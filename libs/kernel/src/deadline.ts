/**
 * Work under a signal that is aborted after so many milliseconds, or with `stop`. Not by AbortSignal.any and AbortSignal.timeout: Node.js 20
 * holds them weakly, collects a timeout that is still waited for, and keeps what an aborted one told its listeners.
 */
export async function withDeadline<Result>(
  ms: number,
  work: (signal: AbortSignal) => Promise<Result>,
  stop?: AbortSignal,
): Promise<Result> {
  const deadline = new AbortController();
  const end = () => deadline.abort(stop?.reason);
  const timer = setTimeout(() => deadline.abort(new Error(`It took longer than ${ms} ms`)), ms);
  timer.unref();
  stop?.addEventListener('abort', end);
  if (stop?.aborted) end();
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener('abort', end);
  }
}

/** The same for work that may not heed its signal: it goes on, and is waited for no longer. @throws what the signal was aborted with */
export function raceDeadline<Result>(
  ms: number,
  work: (signal: AbortSignal) => Promise<Result>,
  stop?: AbortSignal,
): Promise<Result> {
  const race = async (signal: AbortSignal): Promise<Result> => {
    signal.throwIfAborted();
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    return Promise.race([late, work(signal)]);
  };
  return withDeadline(ms, race, stop);
}
