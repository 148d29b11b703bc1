import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Attempts } from './attempts.js';
import { ChatError, type ChatFailure } from './chat-model.js';

const TIMEOUT_MS = 10_000;
const START = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});
afterEach(() => {
  jest.useRealTimers();
});

const fail = (failure: ChatFailure, retryAfterMs?: number) => () =>
  Promise.reject(new ChatError(failure, failure, { retryAfterMs }));
const never = () => new Promise<never>(() => undefined);
const attempts = (random = () => 0.5) => new Attempts(TIMEOUT_MS, random);

interface Ended {
  failure: ChatFailure | 'none';
  attempts: number;
  afterMs: number;
}

/** Lets the clock run until the call is through. */
async function outcome(call: Promise<{ attempts: number }>): Promise<Ended> {
  const from = Date.now();
  let ended: Ended | undefined;
  call.then(
    ({ attempts: n }) => (ended = { failure: 'none', attempts: n, afterMs: Date.now() - from }),
    (error: ChatError) => (ended = { failure: error.failure, attempts: error.attempts, afterMs: Date.now() - from }),
  );
  while (!ended) await jest.advanceTimersByTimeAsync(10);
  return ended;
}

describe('a call', () => {
  it('is made once where it succeeds', async () => {
    await expect(attempts().run(() => Promise.resolve('yes'))).resolves.toEqual({ answer: 'yes', attempts: 1 });
  });

  it.each<ChatFailure>(['AWAY', 'WRONG'])('is made three times at most where its answer is %s', async (failure) => {
    const times: number[] = [];
    const ask = () => {
      times.push(Date.now() - START);
      return fail(failure)();
    };
    expect(await outcome(attempts().run(ask))).toMatchObject({ failure, attempts: 3 });
    expect(times).toEqual([0, 500, 1_500]);
  });

  it('pauses for other times than its neighbours', async () => {
    const ends = await Promise.all([0, 1].map((n) => outcome(attempts(() => n).run(fail('AWAY')))));
    expect(ends.map(({ afterMs }) => afterMs)).toEqual([750, 2_250]);
  });

  it('is not made again where it is refused', async () => {
    expect(await outcome(attempts().run(fail('REFUSED')))).toEqual({ failure: 'REFUSED', attempts: 1, afterMs: 0 });
  });

  it('tells how often it was made until it succeeded', async () => {
    let n = 0;
    const ask = () => (++n < 3 ? fail('AWAY')() : Promise.resolve('yes'));
    expect(await outcome(attempts().run(ask))).toMatchObject({ failure: 'none', attempts: 3 });
  });

  it('ends each attempt in its time, and all of them in twice that, also where nothing heeds the signal', async () => {
    const signals: AbortSignal[] = [];
    const ask = (signal: AbortSignal) => {
      signals.push(signal);
      return never();
    };
    const ended = await outcome(attempts().run(ask));
    expect(ended).toEqual({ failure: 'LATE', attempts: 2, afterMs: 2 * TIMEOUT_MS });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('is not made again where the server wants a longer pause than there is time', async () => {
    const one = attempts();
    expect(await outcome(one.run(fail('AWAY', 60_000)))).toMatchObject({ failure: 'AWAY', attempts: 1 });
    const ask = jest.fn(fail('AWAY'));
    expect(await outcome(one.run(ask))).toMatchObject({ failure: 'RESTING', attempts: 0 });
    expect(ask).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await outcome(one.run(() => Promise.resolve('yes')))).toMatchObject({ failure: 'none' });
  });
});

describe('the breaker', () => {
  it('opens after five calls in a row that failed, and lets one call try after ten seconds', async () => {
    const one = attempts();
    for (let n = 0; n < 5; n++) await outcome(one.run(fail('AWAY')));
    const ask = jest.fn(() => Promise.resolve('yes'));
    expect(await outcome(one.run(ask))).toEqual({ failure: 'RESTING', attempts: 0, afterMs: 0 });
    expect(ask).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(10_000);
    let open: (answer: string) => void = () => undefined;
    const trying = one.run(() => new Promise<string>((resolve) => (open = resolve)));
    expect(await outcome(one.run(ask))).toMatchObject({ failure: 'RESTING' });
    open('yes');
    await expect(trying).resolves.toMatchObject({ answer: 'yes' });
    expect(await outcome(one.run(ask))).toMatchObject({ failure: 'none' });
  });

  it('does not open for requests that are refused', async () => {
    const one = attempts();
    for (let n = 0; n < 8; n++) await outcome(one.run(fail('REFUSED')));
    expect(await outcome(one.run(() => Promise.resolve('yes')))).toMatchObject({ failure: 'none' });
  });
});
