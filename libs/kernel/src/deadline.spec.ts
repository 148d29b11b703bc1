import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { signalWithin } from './deadline.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a deadline', () => {
  it('comes also where garbage is collected while it is waited for', async () => {
    const collecting = setInterval(collectGarbage, 10);
    try {
      const signal = signalWithin(200, new AbortController().signal);
      await once(signal, 'abort');
      expect((signal.reason as Error).name).toBe('TimeoutError');
    } finally {
      clearInterval(collecting);
    }
  });

  it('comes earlier where a stop is asked for', () => {
    const stop = new AbortController();
    const signal = signalWithin(60_000, stop.signal);
    expect(signal.aborted).toBe(false);
    stop.abort(new Error('stopped'));
    expect(signal.reason).toEqual(new Error('stopped'));
  });
});
