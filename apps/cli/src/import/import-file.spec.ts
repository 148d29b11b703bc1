import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FakeBroker } from './fake-broker.js';
import { ImportTrial, once, turns } from './import-trial.js';
import { importExitCode } from './summary.js';

const trial = new ImportTrial();
beforeEach(() => trial.begin());
afterEach(() => trial.end());

describe('import', () => {
  it('sends every line once, in order, as the key says, and remembers that it is complete', async () => {
    await trial.start(turns(25));
    // Requests under way together may overtake each other.
    const summary = await trial.run({ parallel: 1 });
    expect(summary).toMatchObject({ read: 25, created: 25, duplicate: 0, failed: 0, complete: true });
    expect(importExitCode(summary)).toBe(0);
    expect(trial.sent().map(({ content }) => content)).toEqual(
      turns(25).map((line) => (JSON.parse(line) as { text: string }).text),
    );
    const keys = trial.broker?.requestKeys ?? [];
    expect(new Set(keys).size).toBe(3);
    expect(keys.every((key) => /^[0-9a-f]{24}-\d{10}-[0-9a-f]{24}$/.test(key ?? ''))).toBe(true);
    expect(trial.sent().every(({ idempotencyKey }) => idempotencyKey === undefined)).toBe(true);
    expect([...(trial.broker?.authorizations ?? [])]).toEqual(['Bearer secret']);
    expect(await trial.checkpoint()).toMatchObject({ complete: true, linesDone: 25, counts: { created: 25 } });
    expect((await readdir(trial.folder)).sort()).toEqual(['turns.jsonl', 'turns.jsonl.import-progress.json']);
  });

  it('does nothing when run again, and with --restart finds everything there already', async () => {
    await trial.start(turns(12));
    await trial.run();
    expect(await trial.run()).toMatchObject({ read: 12, created: 12, complete: true });
    expect(trial.sent()).toHaveLength(12);
    expect(trial.told.join('\n')).toMatch(/Nothing to do.*--restart/);
    expect(await trial.run({ restart: true })).toMatchObject({ read: 12, created: 0, duplicate: 12, failed: 0 });
  });

  it.each(['cut-before', 'cut-after'] as const)(
    'goes on where it stopped after the connection was %s the third batch; what is sent twice has the same key',
    async (fault) => {
      await trial.start(turns(45), once(20, fault));
      await expect(trial.run()).rejects.toThrow(/CONNECTION_LOST.*\n.*after line 20; the same command goes on/s);
      expect(await trial.checkpoint()).toMatchObject({ linesDone: 20, complete: false });
      expect(await trial.run()).toMatchObject({
        read: 45,
        created: 45,
        duplicate: 0,
        failed: 0,
        resumedAfter: 20,
        complete: true,
      });
      const keys = new Map<string, Set<string | undefined>>();
      for (const [nth, inputs] of (trial.broker?.requests ?? []).entries())
        for (const { content } of inputs)
          keys.set(content, (keys.get(content) ?? new Set()).add(trial.broker?.requestKeys[nth]));
      expect(keys.size).toBe(45);
      expect([...keys.values()].every((of) => of.size === 1)).toBe(true);
      // The fourth batch and the fifth were under way beside the third.
      expect(trial.sent()).toHaveLength(70);
      expect([...(trial.broker?.stored.values() ?? [])].every((times) => times === 1)).toBe(true);
    },
  );

  it('waits as long as RATE_LIMITED asks, and sends the same again', async () => {
    await trial.start(turns(15), (request) =>
      request === 1 ? { code: 'RATE_LIMITED', retryAfterMs: 300 } : undefined,
    );
    const began = performance.now();
    expect(await trial.run({ attempts: 3 })).toMatchObject({ created: 15, failed: 0 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
    expect(trial.broker?.requests[1]).toEqual(trial.broker?.requests[0]);
    expect(trial.told.join('\n')).toMatch(/RATE_LIMITED.*trying again/);
  });

  it('sends a request again of which lines fail for now, and never counts them as failed', async () => {
    const busy = new Set(['turn 3', 'turn 4']);
    trial.broker = await FakeBroker.start(undefined, ({ content }) =>
      busy.delete(content) ? { code: 'UNAVAILABLE', message: 'not now' } : undefined,
    );
    await trial.writeTurns(turns(10));
    expect(await trial.run()).toMatchObject({ created: 10, duplicate: 0, failed: 0 });
    expect(trial.broker.requests[1]).toEqual(trial.broker.requests[0]);
    expect(new Set(trial.broker.requestKeys).size).toBe(1);
  });

  it('gives each line a key where some bring one, and sends again only those that fail for now', async () => {
    const busy = new Set(['turn 3', 'turn 4']);
    trial.broker = await FakeBroker.start(undefined, ({ content }) =>
      busy.delete(content) ? { code: 'UNAVAILABLE', message: 'not now' } : undefined,
    );
    const lines = Array.from({ length: 10 }, (_, nth) => ({ content: `turn ${nth}`, type: 'EPISODIC' }));
    await trial.writeTurns(
      lines.map((line, nth) => JSON.stringify({ ...line, ...(nth === 7 && { idempotencyKey: 'seven' }) })),
    );
    expect(await trial.run({ content: undefined })).toMatchObject({ created: 10, duplicate: 0, failed: 0 });
    expect(trial.broker.requestKeys).toEqual([undefined, undefined]);
    const keyOf = new Map(trial.sent().map(({ content, idempotencyKey }) => [content, idempotencyKey]));
    expect(keyOf.get('turn 7')).toBe('seven');
    expect(new Set(keyOf.values()).size).toBe(10);
    expect(trial.broker.requests[1]?.map(({ content, idempotencyKey }) => [content, idempotencyKey])).toEqual([
      ['turn 3', keyOf.get('turn 3')],
      ['turn 4', keyOf.get('turn 4')],
    ]);
  });

  it('finds the one line for which a whole request is refused', async () => {
    await trial.start(turns(20), (_, inputs) =>
      inputs.some(({ content }) => content === 'turn 13') ? { code: 'BAD_INPUT', status: 400 } : undefined,
    );
    const summary = await trial.run();
    expect(summary).toMatchObject({ read: 20, created: 19, failed: 1, complete: true });
    expect(importExitCode(summary)).toBe(1);
    expect(trial.told.join('\n')).toMatch(/line 14: BAD_INPUT/);
  });

  it('halves a batch that is too large for the broker', async () => {
    await trial.start(turns(10), (_, inputs) => (inputs.length > 3 ? { code: 'TOO_LARGE', status: 413 } : undefined));
    expect(await trial.run()).toMatchObject({ created: 10, failed: 0 });
  });

  it('counts invalid lines, tells the first twenty and writes all of them, once, also over a stop', async () => {
    const lines = turns(30).flatMap((line, index) => [line, `bad ${index}`]);
    await trial.start(lines, (request) => (request === 2 ? 'cut-before' : undefined));
    await expect(trial.run()).rejects.toThrow(/CONNECTION_LOST/);
    expect(await trial.run()).toMatchObject({ read: 60, created: 30, failed: 30, complete: true });
    const failures = (await readFile(path.join(trial.folder, 'turns.jsonl.import-failures.jsonl'), 'utf8'))
      .trim()
      .split('\n');
    const parsed = failures.map((line) => JSON.parse(line) as { line: number; source: string });
    expect(parsed.map(({ line }) => line)).toEqual(Array.from({ length: 30 }, (_, index) => 2 * index + 2));
    expect(parsed[0]).toMatchObject({ code: 'BAD_JSON', source: 'bad 0' });
  });

  it('tells at most twenty failures', async () => {
    await trial.start(Array.from({ length: 50 }, () => 'bad'));
    await trial.run();
    expect(trial.told.filter((text) => /^line \d+: BAD_JSON/.test(text))).toHaveLength(20);
  });

  it('stops when the broker refuses every line for lack of access, with none counted as done', async () => {
    trial.broker = await FakeBroker.start(undefined, () => ({ code: 'FORBIDDEN', message: 'not your pool' }));
    await trial.writeTurns(turns(30));
    await expect(trial.run()).rejects.toThrow(/refused every line.*FORBIDDEN: not your pool/);
    expect(await trial.checkpoint()).toMatchObject({ linesDone: 0, counts: { failed: 0 } });
    expect(trial.broker.requests).toHaveLength(1);
  });

  it('stops at the first batch when the broker says the same of every line, as of a pool that is not there', async () => {
    await trial.start(turns(30), () => ({ code: 'BAD_INPUT' }));
    await expect(trial.run()).rejects.toThrow(/refused every line.*BAD_INPUT/);
    expect(await trial.checkpoint()).toMatchObject({ linesDone: 0, complete: false });
  });

  it('refuses to go on with another file, pool or mapping under the name', async () => {
    await trial.start(turns(25), once(10, 'cut-before'));
    await expect(trial.run()).rejects.toThrow(/CONNECTION_LOST/);
    await expect(trial.run({ pool: 'other' })).rejects.toThrow(/the pool was team.*--restart/);
    await expect(trial.run({ speaker: 'who' })).rejects.toThrow(/mapping was another/);
    await trial.writeTurns(turns(26));
    await expect(trial.run()).rejects.toThrow(/another content/);
    expect(await trial.run({ restart: true })).toMatchObject({ read: 26, created: 11, duplicate: 15, complete: true });
  });

  it('says what to do about a checkpoint that it cannot read', async () => {
    await trial.start(turns(3));
    await writeFile(path.join(trial.folder, 'turns.jsonl.import-progress.json'), '{');
    await expect(trial.run()).rejects.toThrow(/not a checkpoint.*--restart/);
    expect(await trial.run({ restart: true })).toMatchObject({ created: 3 });
  });

  it('keeps its state in another folder when asked', async () => {
    await trial.start([...turns(2), 'bad']);
    await trial.run({ state: path.join(trial.folder, 'state') });
    expect((await readdir(path.join(trial.folder, 'state'))).sort()).toEqual([
      'turns.jsonl.import-failures.jsonl',
      'turns.jsonl.import-progress.json',
    ]);
  });

  it('says plainly that a file is not there', async () => {
    await expect(trial.run()).rejects.toThrow(/turns.jsonl cannot be read/);
  });

  it('only maps, checks and shows in a dry run', async () => {
    await trial.writeTurns([...turns(5), 'bad', JSON.stringify({ text: '' })]);
    const summary = await trial.run({ dryRun: true, key: undefined, speaker: 'who' });
    expect(summary).toMatchObject({
      read: 7,
      created: 0,
      failed: 2,
      dryRun: true,
      warnings: ['no line has the field who; is it spelt so?'],
    });
    expect(importExitCode(summary)).toBe(1);
    expect(trial.told.filter((text) => /becomes/.test(text))).toHaveLength(3);
    expect(await readdir(trial.folder)).toEqual(['turns.jsonl']);
  });
});
