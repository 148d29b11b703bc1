import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeBroker } from './fake-broker.js';
import { ImportTrial, once, turns } from './import-trial.js';
import { type MemorizeInput } from './memorize-input.js';
import { importExitCode } from './summary.js';

const trial = new ImportTrial();
beforeEach(() => trial.begin());
afterEach(() => trial.end());

describe('an import with several requests under way', () => {
  it('stops after what is under way when interrupted, and goes on from there', async () => {
    const interrupt = new AbortController();
    await trial.start(turns(65), (request) => void (request === 2 && interrupt.abort()));
    const summary = await trial.run({ signal: interrupt.signal });
    const lines = trial.sent().length;
    expect(summary).toMatchObject({ read: lines, created: lines, complete: false, interrupted: true });
    expect(lines).toBeLessThanOrEqual(40);
    expect(importExitCode(summary)).toBe(130);
    expect(trial.told.join('\n')).toMatch(new RegExp(`Interrupted after line ${lines}; the same command goes on`));
    expect(await trial.run()).toMatchObject({ read: 65, created: 65, complete: true });
    expect(trial.sent()).toHaveLength(65);
  });

  it('goes on from the first batch without an answer, when interrupted while the broker is away', async () => {
    const interrupt = new AbortController();
    const away = once(20, { code: 'UNAVAILABLE', retryAfterMs: 60_000 });
    await trial.start(turns(65), (...request) => {
      const fault = away(...request);
      if (fault) setTimeout(() => interrupt.abort(), 50);
      return fault;
    });
    const summary = await trial.run({ signal: interrupt.signal, attempts: 2 });
    expect(summary).toMatchObject({ read: 20, created: 20, interrupted: true });
    expect(await trial.run()).toMatchObject({ read: 65, created: 65, duplicate: 0, complete: true });
    expect([...(trial.broker?.stored.values() ?? [])].every((times) => times === 1)).toBe(true);
  });

  it.each([
    [undefined, 3],
    ['8', 8],
    [1, 1],
  ])('with --parallel %s has %s requests under way at most', async (parallel, most) => {
    await trial.start(turns(200));
    const { underWay } = Object.assign(trial.broker as FakeBroker, { delayMs: 20 });
    await trial.run({ parallel });
    expect(underWay.most).toBe(most);
    await expect(trial.run({ parallel: 9 })).rejects.toThrow('--parallel is a number from 1 to 8, not 9.');
  });

  it.each([
    ['turns of one session', (index: number) => ({ content: `turn ${index}`, sessionId: 'one' })],
    ['facts about one entity', (index: number) => ({ content: `turn ${index}`, entityId: 'ada' })],
    ['lines of one key', (index: number) => ({ content: `turn ${index}`, idempotencyKey: `key ${index % 10}` })],
    ['equal lines', (index: number) => ({ content: index % 10 === 9 ? 'the same' : `turn ${index}` })],
  ])('never has %s under way beside each other', async (_, lineOf) => {
    await trial.start(
      Array.from({ length: 100 }, (_, index) => JSON.stringify({ type: 'EPISODIC', ...lineOf(index) })),
    );
    const { underWay } = Object.assign(trial.broker as FakeBroker, { delayMs: 20 });
    expect(await trial.run({ content: undefined, parallel: 8 })).toMatchObject({ read: 100, complete: true });
    expect(underWay.most).toBe(1);
    expect(trial.sent()).toHaveLength(100);
  });

  it('has sessions under way beside each other', async () => {
    await trial.start(
      Array.from({ length: 100 }, (_, n) => JSON.stringify({ text: `turn ${n}`, session: `${n >> 3}` })),
    );
    const { underWay } = Object.assign(trial.broker as FakeBroker, { delayMs: 20 });
    expect(await trial.run({ session: 'session' })).toMatchObject({ read: 100, created: 100 });
    expect(underWay.most).toBe(3);
  });

  it('sends what is no text to the broker, which refuses it', async () => {
    const isText = ({ sessionId }: MemorizeInput) => typeof sessionId === 'string';
    trial.broker = await FakeBroker.start(undefined, (input) =>
      isText(input) ? undefined : { code: 'BAD_INPUT', message: 'must be text' },
    );
    const line = { content: 'x', type: 'EPISODIC' };
    await trial.writeTurns([
      JSON.stringify({ ...line, sessionId: 's' }),
      JSON.stringify({ ...line, sessionId: { toString: 1 } }),
    ]);
    expect(await trial.run({ content: undefined, batch: 1 })).toMatchObject({ read: 2, created: 1, failed: 1 });
  });

  it('has ended all of its requests when it fails', async () => {
    await trial.start(turns(65), (request, inputs) => {
      if (inputs.some(({ content }) => content === 'turn 20')) return 'cut-before';
      return request > 2 && inputs.length > 1 ? { code: 'BAD_INPUT', status: 400 } : undefined;
    });
    await expect(trial.run()).rejects.toThrow(/CONNECTION_LOST/);
    const { length } = (trial.broker as FakeBroker).requests;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(trial.broker?.requests).toHaveLength(length);
    expect(trial.broker?.underWay.now).toBe(0);
  });

  it('tells a refusal for lack of access also when it was interrupted', async () => {
    const interrupt = new AbortController();
    await trial.start(turns(45), (_, inputs) => {
      if (!inputs.some(({ content }) => content === 'turn 20')) return undefined;
      interrupt.abort();
      return { code: 'FORBIDDEN' };
    });
    await expect(trial.run({ signal: interrupt.signal })).rejects.toThrow(/FORBIDDEN/);
  });
});
