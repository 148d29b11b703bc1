import { describe, expect, it } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Pace } from './pace.js';

describe('a pace', () => {
  it('runs soon, and not while it is asked', async () => {
    let runs = 0;
    const pace = new Pace(1_000, () => (runs += 1));
    pace.ask();
    expect(runs).toBe(0);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(runs).toBe(1);
    pace.close();
  });

  it('runs at most once in its time, however often it is asked, and loses nothing that was asked last', async () => {
    const ranAt: number[] = [];
    let askedAt = 0;
    const pace = new Pace(20, () => ranAt.push(performance.now()));
    const begin = performance.now();
    while (performance.now() - begin < 200) {
      for (let i = 0; i < 100; i++) pace.ask();
      askedAt = performance.now();
      await new Promise(setImmediate);
    }
    await pause(60);
    // A timer may come a little early by the other clock.
    for (const [i, at] of ranAt.slice(1).entries()) expect(at - (ranAt[i] as number)).toBeGreaterThan(19);
    expect(ranAt.length).toBeGreaterThan(1);
    expect(ranAt.at(-1)).toBeGreaterThan(askedAt);
    pace.close();
  });

  it('runs again when it is asked by what it runs', async () => {
    let runs = 0;
    const pace: Pace = new Pace(1, () => {
      if (++runs < 3) pace.ask();
    });
    pace.ask();
    await pause(200);
    expect(runs).toBe(3);
  });

  it('that was closed runs no more', async () => {
    let runs = 0;
    const pace = new Pace(1, () => (runs += 1));
    pace.ask();
    pace.close();
    pace.ask();
    await pause(50);
    expect(runs).toBe(0);
  });
});
