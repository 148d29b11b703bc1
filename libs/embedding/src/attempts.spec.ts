import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EmbedderAttempts } from './attempts.js';
import { EmbedderError, type EmbedderFailure } from './embedder.js';

const TIMEOUT_MS = 1_000;
const START = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});
afterEach(() => {
  jest.useRealTimers();
});

const attempts = () => new EmbedderAttempts(TIMEOUT_MS, () => 0.5);

/** How it ended, and when it was asked. */
async function outcome(patience: 'somebody waits' | 'nobody waits', failure: EmbedderFailure | 'never') {
  const askedAt: number[] = [];
  let ended: { failure: EmbedderFailure; afterMs: number } | undefined;
  const ask = () => {
    askedAt.push(Date.now() - START);
    return failure === 'never' ? new Promise<never>(() => undefined) : Promise.reject(new EmbedderError(failure, ''));
  };
  attempts()
    .run(patience, ask)
    .catch((error: EmbedderError) => (ended = { failure: error.failure, afterMs: Date.now() - START }));
  while (!ended) await jest.advanceTimersByTimeAsync(10);
  return { ...ended, askedAt };
}

describe('an embedder', () => {
  it('that is away is asked three times at most', async () => {
    expect(await outcome('somebody waits', 'AWAY')).toMatchObject({ failure: 'AWAY', askedAt: [0, 100, 300] });
  });

  it.each<EmbedderFailure>(['REFUSED', 'WRONG', 'MISSING'])('whose answer is %s is asked once', async (failure) => {
    expect(await outcome('somebody waits', failure)).toMatchObject({ failure, askedAt: [0] });
  });

  it('that is late is not given more to do', async () => {
    expect(await outcome('somebody waits', 'never')).toEqual({ failure: 'LATE', afterMs: TIMEOUT_MS, askedAt: [0] });
  });

  it('has ten times as long where nobody waits for it', async () => {
    expect(await outcome('nobody waits', 'never')).toMatchObject({ failure: 'LATE', afterMs: 10 * TIMEOUT_MS });
  });
});
