import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Attempts } from './attempts.js';
import { EmbedderError, type EmbedderFailure } from './embedder.js';

const TIMEOUT_MS = 1_000;
const START = 1_000_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});
afterEach(() => {
  jest.useRealTimers();
});

const fail = (failure: EmbedderFailure, retryAfterMs?: number) => () =>
  Promise.reject(new EmbedderError(failure, failure, { retryAfterMs }));
const attempts = () => new Attempts(TIMEOUT_MS, () => 0.5);

/** Lets the clock run until the call is through. */
async function outcome(call: Promise<unknown>): Promise<{ failure: EmbedderFailure | 'none'; afterMs: number }> {
  const from = Date.now();
  let ended: { failure: EmbedderFailure | 'none'; afterMs: number } | undefined;
  call.then(
    () => (ended = { failure: 'none', afterMs: Date.now() - from }),
    (error: EmbedderError) => (ended = { failure: error.failure, afterMs: Date.now() - from }),
  );
  while (!ended) await jest.advanceTimersByTimeAsync(10);
  return ended;
}

const never = () => new Promise<never>(() => undefined);

describe('a call', () => {
  it('is made once where it succeeds', async () => {
    const ask = jest.fn(() => Promise.resolve('vectors'));
    await expect(attempts().run('somebody waits', ask)).resolves.toBe('vectors');
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('is made three times at most, with growing pauses, where the model is away', async () => {
    const times: number[] = [];
    const ask = () => {
      times.push(Date.now() - START);
      return fail('AWAY')();
    };
    expect(await outcome(attempts().run('somebody waits', ask))).toMatchObject({ failure: 'AWAY' });
    expect(times).toEqual([0, 100, 300]);
  });

  it.each<EmbedderFailure>(['REFUSED', 'WRONG', 'MISSING'])(
    'is not made again where its answer is %s',
    async (failure) => {
      const ask = jest.fn(fail(failure));
      expect(await outcome(attempts().run('somebody waits', ask))).toMatchObject({ failure });
      expect(ask).toHaveBeenCalledTimes(1);
    },
  );

  it('ends when its time is over, and its request with it, also where the model does not heed that', async () => {
    let signal: AbortSignal | undefined;
    const asked = jest.fn((given: AbortSignal) => {
      signal = given;
      return never();
    });
    const { failure, afterMs } = await outcome(attempts().run('somebody waits', asked));
    expect({ failure, afterMs, aborted: signal?.aborted }).toEqual({
      failure: 'LATE',
      afterMs: TIMEOUT_MS,
      aborted: true,
    });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('has ten times as long where nobody waits for it', async () => {
    expect(await outcome(attempts().run('nobody waits', never))).toEqual({ failure: 'LATE', afterMs: 10 * TIMEOUT_MS });
  });
});

describe('a model that says when to come back', () => {
  it('is asked again then, where the call has the time', async () => {
    const ask = jest.fn(fail('AWAY', 700)).mockImplementationOnce(fail('AWAY', 700));
    ask.mockImplementationOnce(() => fail('AWAY', 700)()).mockImplementationOnce(() => Promise.resolve() as never);
    const { failure, afterMs } = await outcome(attempts().run('somebody waits', ask));
    expect({ failure, afterMs, asked: ask.mock.calls.length }).toEqual({ failure: 'none', afterMs: 1_400, asked: 3 });
  });

  it('is not waited for where the call has not, and not asked by others before', async () => {
    const kept = attempts();
    const ask = jest.fn(fail('AWAY', 5_000));
    expect(await outcome(kept.run('somebody waits', ask))).toEqual({ failure: 'AWAY', afterMs: expect.any(Number) });
    expect(ask).toHaveBeenCalledTimes(1);
    const other = jest.fn(() => Promise.resolve());
    expect(await outcome(kept.run('somebody waits', other))).toMatchObject({ failure: 'RESTING' });
    expect(other).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(await outcome(kept.run('somebody waits', other))).toMatchObject({ failure: 'none' });
  });
});

describe('a model that failed five times in a row', () => {
  const broken = async () => {
    const kept = attempts();
    for (let n = 0; n < 5; n++)
      expect(await outcome(kept.run('somebody waits', fail('WRONG')))).toMatchObject({ failure: 'WRONG' });
    return kept;
  };

  it('is left alone for ten seconds, with an answer at once', async () => {
    const kept = await broken();
    const ask = jest.fn(() => Promise.resolve());
    await expect(kept.run('somebody waits', ask)).rejects.toMatchObject({ failure: 'RESTING' });
    jest.setSystemTime(Date.now() + 9_900);
    await expect(kept.run('somebody waits', ask)).rejects.toMatchObject({ failure: 'RESTING' });
    expect(ask).not.toHaveBeenCalled();
  });

  it('is then asked by one, while the others are still refused at once, and by all when it answers', async () => {
    const kept = await broken();
    jest.setSystemTime(Date.now() + 10_000);
    let answer: (value: string) => void = () => undefined;
    const probe = kept.run('somebody waits', () => new Promise<string>((resolve) => (answer = resolve)));
    const other = jest.fn(() => Promise.resolve('vectors'));
    await expect(kept.run('somebody waits', other)).rejects.toMatchObject({ failure: 'RESTING' });
    expect(other).not.toHaveBeenCalled();
    answer('vectors');
    await expect(probe).resolves.toBe('vectors');
    await expect(kept.run('somebody waits', other)).resolves.toBe('vectors');
  });

  it('is left alone again where it fails that one', async () => {
    const kept = await broken();
    jest.setSystemTime(Date.now() + 10_000);
    expect(await outcome(kept.run('somebody waits', fail('WRONG')))).toMatchObject({ failure: 'WRONG' });
    await expect(kept.run('somebody waits', () => Promise.resolve())).rejects.toMatchObject({ failure: 'RESTING' });
  });

  it('is not one that refused five texts', async () => {
    const kept = attempts();
    for (let n = 0; n < 6; n++) await outcome(kept.run('somebody waits', fail('REFUSED')));
    await expect(kept.run('somebody waits', () => Promise.resolve('vectors'))).resolves.toBe('vectors');
  });
});
