import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Attempts } from './attempts.js';
import { ModelError, type ModelFailure } from './model-error.js';

const TIMEOUT_MS = 10_000;
const START = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});
afterEach(() => {
  jest.useRealTimers();
});

class OracleError extends ModelError {}
const ORACLE = { who: 'the oracle', Failed: OracleError };

const fail = (failure: ModelFailure, retryAfterMs?: number) => () =>
  Promise.reject(new OracleError(failure, failure, { retryAfterMs }));
const never = () => new Promise<never>(() => undefined);
const answers = () => Promise.resolve('yes');

function callsOf(again: readonly ModelFailure[] = ['AWAY', 'LATE'], random = 0.5) {
  const attempts = new Attempts({ ...ORACLE, firstPauseMs: 500, again }, () => random);
  return <Answer>(ask: (signal: AbortSignal) => Promise<Answer>) => attempts.run(TIMEOUT_MS, ask);
}

interface Ended {
  failure: ModelFailure | 'none';
  attempts: number;
  afterMs: number;
}

/** Lets the clock run until the call is through. */
async function outcome(call: Promise<{ attempts: number }>): Promise<Ended> {
  const from = Date.now();
  let ended: Ended | undefined;
  call.then(
    ({ attempts }) => (ended = { failure: 'none', attempts, afterMs: Date.now() - from }),
    (error: ModelError) => (ended = { failure: error.failure, attempts: error.attempts, afterMs: Date.now() - from }),
  );
  while (!ended) await jest.advanceTimersByTimeAsync(10);
  return ended;
}

describe('a call', () => {
  it('is made once where it succeeds', async () => {
    await expect(callsOf()(answers)).resolves.toEqual({ answer: 'yes', attempts: 1 });
  });

  it('is made three times at most, with growing pauses, where another try may mend it', async () => {
    const times: number[] = [];
    const ask = () => {
      times.push(Date.now() - START);
      return fail('AWAY')();
    };
    expect(await outcome(callsOf()(ask))).toMatchObject({ failure: 'AWAY', attempts: 3 });
    expect(times).toEqual([0, 500, 1_500]);
  });

  it.each<ModelFailure>(['REFUSED', 'WRONG', 'MISSING'])('is not made again where it cannot: %s', async (failure) => {
    expect(await outcome(callsOf()(fail(failure)))).toEqual({ failure, attempts: 1, afterMs: 0 });
  });

  it('pauses for other times than its neighbours', async () => {
    const ends = await Promise.all([0, 1].map((random) => outcome(callsOf(['AWAY'], random)(fail('AWAY')))));
    expect(ends.map(({ afterMs }) => afterMs)).toEqual([750, 2_250]);
  });

  it('tells how often it was made until it succeeded', async () => {
    let n = 0;
    const ask = () => (++n < 3 ? fail('AWAY')() : answers());
    expect(await outcome(callsOf()(ask))).toMatchObject({ failure: 'none', attempts: 3 });
  });

  it('ends each attempt in its time, and all of them in twice that, also where nothing heeds the signal', async () => {
    const signals: AbortSignal[] = [];
    const ask = (signal: AbortSignal) => {
      signals.push(signal);
      return never();
    };
    expect(await outcome(callsOf()(ask))).toEqual({ failure: 'LATE', attempts: 2, afterMs: 2 * TIMEOUT_MS });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('tells of what it met before where the last attempt had no time left', async () => {
    let made = 0;
    const ask = async () => {
      if (made++ > 0) return never();
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS - 10));
      return fail('AWAY')();
    };
    expect(await outcome(callsOf()(ask))).toEqual({ failure: 'AWAY', attempts: 2, afterMs: 2 * TIMEOUT_MS });
  });

  it('fails with the error of its subject, which names it', async () => {
    const late = callsOf([])(never);
    const seen = late.catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect(await seen).toMatchObject({ name: 'OracleError', message: 'the oracle did not answer within 10000 ms' });
  });
});

describe('a model that says when to come back', () => {
  it('is asked again then, where the call has the time', async () => {
    let n = 0;
    const ask = () => (++n < 3 ? fail('AWAY', 700)() : answers());
    expect(await outcome(callsOf()(ask))).toEqual({ failure: 'none', attempts: 3, afterMs: 1_400 });
  });

  it('is not waited for where the call has not, and not asked by others before', async () => {
    const call = callsOf();
    expect(await outcome(call(fail('AWAY', 60_000)))).toMatchObject({ failure: 'AWAY', attempts: 1 });
    const ask = jest.fn(answers);
    expect(await outcome(call(ask))).toMatchObject({ failure: 'RESTING', attempts: 0 });
    expect(ask).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await outcome(call(ask))).toMatchObject({ failure: 'none' });
  });
});

describe('a model that failed five times in a row', () => {
  const broken = async () => {
    const call = callsOf();
    for (let n = 0; n < 5; n++) expect(await outcome(call(fail('WRONG')))).toMatchObject({ failure: 'WRONG' });
    return call;
  };

  it('is left alone for ten seconds, with an answer at once', async () => {
    const call = await broken();
    const ask = jest.fn(answers);
    expect(await outcome(call(ask))).toEqual({ failure: 'RESTING', attempts: 0, afterMs: 0 });
    jest.setSystemTime(Date.now() + 9_900);
    expect(await outcome(call(ask))).toMatchObject({ failure: 'RESTING' });
    expect(ask).not.toHaveBeenCalled();
  });

  it('is then asked by one, while the others are still refused at once, and by all when it answers', async () => {
    const call = await broken();
    jest.setSystemTime(Date.now() + 10_000);
    let answer: (value: string) => void = () => undefined;
    const probe = call(() => new Promise<string>((resolve) => (answer = resolve)));
    const other = jest.fn(answers);
    expect(await outcome(call(other))).toMatchObject({ failure: 'RESTING' });
    expect(other).not.toHaveBeenCalled();
    answer('yes');
    await expect(probe).resolves.toMatchObject({ answer: 'yes' });
    expect(await outcome(call(other))).toMatchObject({ failure: 'none' });
  });

  it('is left alone again where it fails that one', async () => {
    const call = await broken();
    jest.setSystemTime(Date.now() + 10_000);
    expect(await outcome(call(fail('WRONG')))).toMatchObject({ failure: 'WRONG' });
    expect(await outcome(call(answers))).toMatchObject({ failure: 'RESTING' });
  });

  it('is not one that refused what it was sent', async () => {
    const call = callsOf();
    for (let n = 0; n < 8; n++) await outcome(call(fail('REFUSED')));
    expect(await outcome(call(answers))).toMatchObject({ failure: 'none' });
  });
});
