import { describe, expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { raceDeadline, withDeadline } from './deadline.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const never = () => new Promise<string>(() => undefined);

describe('a deadline', () => {
  it('ends what takes longer, also where garbage is collected while it is waited for', async () => {
    const collecting = setInterval(collectGarbage, 10);
    try {
      await expect(raceDeadline(200, never, new AbortController().signal)).rejects.toThrow(
        'It took longer than 200 ms',
      );
    } finally {
      clearInterval(collecting);
    }
  });

  it('ends it earlier where a stop is asked for, or was before', async () => {
    const stop = new AbortController();
    const ended = expect(raceDeadline(60_000, never, stop.signal)).rejects.toThrow('stopped');
    stop.abort(new Error('stopped'));
    await ended;
    await expect(raceDeadline(60_000, never, stop.signal)).rejects.toThrow('stopped');
  });

  it('is over with the work', async () => {
    const stop = new AbortController();
    let seen: AbortSignal | undefined;
    const work = async (signal: AbortSignal) => {
      seen = signal;
      return Promise.resolve('done');
    };
    expect(await withDeadline(5, work, stop.signal)).toBe('done');
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen?.aborted).toBe(false);
  });
});
