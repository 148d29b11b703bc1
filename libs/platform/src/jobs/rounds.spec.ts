import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Rounds } from './rounds.js';

const PAUSE_MS = 1_000;

/** A round that ends when it is told to. */
class Work {
  begun = 0;
  private end: (() => void) | undefined;
  readonly errors: unknown[] = [];
  readonly rounds = new Rounds(
    () => {
      this.begun++;
      return new Promise<void>(
        (resolve, reject) => (this.end = this.fails ? () => reject(new Error('failed')) : resolve),
      );
    },
    { pauseMs: () => PAUSE_MS, onError: (error) => this.errors.push(error) },
  );
  fails = false;

  async finish(): Promise<void> {
    this.end?.();
    await jest.advanceTimersByTimeAsync(0);
  }
}

describe('rounds of background work', () => {
  let work: Work;
  beforeEach(() => {
    jest.useFakeTimers();
    work = new Work();
  });
  afterEach(() => void jest.useRealTimers());
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('come one after another, with a pause between the end of one and the begin of the next', async () => {
    work.rounds.within(10);
    await pass(9);
    expect(work.begun).toBe(0);
    await pass(1);
    expect(work.begun).toBe(1);
    await pass(10 * PAUSE_MS);
    expect(work.begun).toBe(1);
    await work.finish();
    await pass(PAUSE_MS - 1);
    expect(work.begun).toBe(1);
    await pass(1);
    expect(work.begun).toBe(2);
  });

  it('are not put off by being asked for again', async () => {
    work.rounds.within(10);
    await pass(5);
    work.rounds.within(10);
    await pass(5);
    expect(work.begun).toBe(1);
  });

  it('come earlier where they are asked for', async () => {
    work.rounds.within(PAUSE_MS);
    work.rounds.within(1);
    await pass(1);
    expect(work.begun).toBe(1);
    await pass(PAUSE_MS);
    expect(work.begun).toBe(1);
  });

  it('asked for while one is under way, follow it at once when it took longer than was to be waited', async () => {
    work.rounds.within(0);
    await pass(0);
    work.rounds.within(5);
    await pass(20);
    expect(work.begun).toBe(1);
    await work.finish();
    expect(work.begun).toBe(2);
  });

  it('go on after one that failed, which is told', async () => {
    work.fails = true;
    work.rounds.within(0);
    await pass(0);
    await work.finish();
    expect(work.errors).toEqual([new Error('failed')]);
    await pass(PAUSE_MS);
    expect(work.begun).toBe(2);
  });

  it('that fail or wake before they wait for anything lose no wake-up, and never meet another', async () => {
    let [begun, under] = [0, 0];
    const errors: unknown[] = [];
    const rounds = new Rounds(
      () => {
        begun++;
        rounds.within(3);
        if (begun === 1) throw new Error('at once');
        under++;
        expect(under).toBe(1);
        return new Promise<void>((done) => setTimeout(done, 10)).then(() => void under--);
      },
      { pauseMs: () => PAUSE_MS, onError: (error) => errors.push(error) },
    );
    rounds.within(0);
    await pass(3);
    expect([begun, errors]).toEqual([2, [new Error('at once')]]);
    await pass(9);
    expect(begun).toBe(2);
    await pass(2);
    expect(begun).toBe(3);
    const over = rounds.stop();
    await pass(10);
    await over;
    expect([begun, under]).toEqual([3, 0]);
  });

  it('end with a stop, which waits for the one that is under way', async () => {
    work.rounds.within(0);
    await pass(0);
    let isOver = false;
    const over = work.rounds.stop().then(() => (isOver = true));
    work.rounds.within(0);
    await pass(PAUSE_MS);
    expect(isOver).toBe(false);
    await work.finish();
    await over;
    await pass(10 * PAUSE_MS);
    expect(work.begun).toBe(1);
  });

  it('do not begin after a stop', async () => {
    work.rounds.within(5);
    await work.rounds.stop();
    await pass(10);
    expect(work.begun).toBe(0);
  });
});
