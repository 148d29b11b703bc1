import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { type Checkpoint } from './checkpoint.js';
import { FakeBroker, type Fault } from './fake-broker.js';
import { importFile, type ImportOptions } from './import-file.js';
import { type MemorizeInput } from './memorize-input.js';
import { importExitCode, type ImportSummary } from './summary.js';

let folder = '';
let broker: FakeBroker | undefined;
let told: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'import-file-'));
  told = [];
});
afterEach(async () => {
  await broker?.stop();
  broker = undefined;
  await rm(folder, { recursive: true });
});

const stream = () =>
  new Writable({
    write: (chunk: Buffer, _, done) => {
      told.push(chunk.toString());
      done();
    },
  });

async function run(options: Partial<ImportOptions> = {}): Promise<ImportSummary> {
  return importFile({
    file: path.join(folder, 'turns.jsonl'),
    pool: 'team',
    content: 'text',
    url: broker?.url ?? 'http://127.0.0.1:1/graphql',
    key: 'secret',
    batch: 10,
    attempts: 1,
    backoffMs: 1,
    print: (line) => told.push(line),
    stream: stream(),
    ...options,
  });
}

const writeTurns = (lines: string[]) => writeFile(path.join(folder, 'turns.jsonl'), lines.join('\n'));
const turns = (count: number) => Array.from({ length: count }, (_, index) => JSON.stringify({ text: `turn ${index}` }));
const checkpoint = async () =>
  JSON.parse(await readFile(path.join(folder, 'turns.jsonl.import-progress.json'), 'utf8')) as Checkpoint;
const sent = (): MemorizeInput[] => (broker as FakeBroker).requests.flat();

/** For the first request with that turn in it. */
function once(turn: number, fault: Fault): (request: number, inputs: MemorizeInput[]) => Fault {
  let left = 1;
  return (_, inputs) => (inputs.some(({ content }) => content === `turn ${turn}`) && left-- > 0 ? fault : undefined);
}

async function start(lines: string[], faultOf?: (request: number, inputs: MemorizeInput[]) => Fault): Promise<void> {
  broker = await FakeBroker.start(faultOf);
  await writeTurns(lines);
}

describe('import', () => {
  it('sends every line once, in order, as the key says, and remembers that it is complete', async () => {
    await start(turns(25));
    const summary = await run();
    expect(summary).toMatchObject({ read: 25, created: 25, duplicate: 0, failed: 0, complete: true });
    expect(importExitCode(summary)).toBe(0);
    expect(sent().map(({ content }) => content)).toEqual(
      turns(25).map((line) => (JSON.parse(line) as { text: string }).text),
    );
    expect(new Set(sent().map(({ idempotencyKey }) => idempotencyKey)).size).toBe(25);
    expect(sent().every(({ idempotencyKey }) => /^[0-9a-f]{64}$/.test(idempotencyKey ?? ''))).toBe(true);
    expect([...(broker?.authorizations ?? [])]).toEqual(['Bearer secret']);
    expect(await checkpoint()).toMatchObject({ complete: true, linesDone: 25, counts: { created: 25 } });
    expect((await readdir(folder)).sort()).toEqual(['turns.jsonl', 'turns.jsonl.import-progress.json']);
  });

  it('does nothing when run again, and with --restart finds everything there already', async () => {
    await start(turns(12));
    await run();
    expect(await run()).toMatchObject({ read: 12, created: 12, complete: true });
    expect(sent()).toHaveLength(12);
    expect(told.join('\n')).toMatch(/Nothing to do.*--restart/);
    expect(await run({ restart: true })).toMatchObject({ read: 12, created: 0, duplicate: 12, failed: 0 });
  });

  it.each(['cut-before', 'cut-after'] as const)(
    'goes on where it stopped after the connection was %s the third batch; what is sent twice has the same key',
    async (fault) => {
      await start(turns(45), once(20, fault));
      await expect(run()).rejects.toThrow(/CONNECTION_LOST.*\n.*after line 20; the same command goes on/s);
      expect(await checkpoint()).toMatchObject({ linesDone: 20, complete: false });
      expect(await run()).toMatchObject({
        read: 45,
        created: 45,
        duplicate: 0,
        failed: 0,
        resumedAfter: 20,
        complete: true,
      });
      const keys = new Map<string, Set<string | undefined>>();
      for (const { content, idempotencyKey } of sent())
        keys.set(content, (keys.get(content) ?? new Set()).add(idempotencyKey));
      expect(keys.size).toBe(45);
      expect([...keys.values()].every((of) => of.size === 1)).toBe(true);
      // The fourth batch and the fifth were under way beside the third.
      expect(sent()).toHaveLength(70);
      expect([...(broker?.stored.values() ?? [])].every((times) => times === 1)).toBe(true);
    },
  );

  it('stops after what is under way when interrupted, and goes on from there', async () => {
    const interrupt = new AbortController();
    await start(turns(65), (request) => void (request === 2 && interrupt.abort()));
    const summary = await run({ signal: interrupt.signal });
    const lines = sent().length;
    expect(summary).toMatchObject({ read: lines, created: lines, complete: false, interrupted: true });
    expect(lines).toBeLessThanOrEqual(40);
    expect(importExitCode(summary)).toBe(130);
    expect(told.join('\n')).toMatch(new RegExp(`Interrupted after line ${lines}; the same command goes on`));
    expect(await run()).toMatchObject({ read: 65, created: 65, complete: true });
    expect(sent()).toHaveLength(65);
  });

  it('goes on from the first batch without an answer, when interrupted while the broker is away', async () => {
    const interrupt = new AbortController();
    const away = once(20, { code: 'UNAVAILABLE', retryAfterMs: 60_000 });
    await start(turns(65), (...request) => {
      const fault = away(...request);
      if (fault) setTimeout(() => interrupt.abort(), 50);
      return fault;
    });
    const summary = await run({ signal: interrupt.signal, attempts: 2 });
    expect(summary).toMatchObject({ read: 20, created: 20, interrupted: true });
    expect(await run()).toMatchObject({ read: 65, created: 65, duplicate: 0, complete: true });
    expect([...(broker?.stored.values() ?? [])].every((times) => times === 1)).toBe(true);
  });

  it.each([
    [undefined, 3],
    ['8', 8],
    [1, 1],
  ])('with --parallel %s has %s requests under way at most', async (parallel, most) => {
    await start(turns(200));
    const { underWay } = Object.assign(broker as FakeBroker, { delayMs: 20 });
    await run({ parallel });
    expect(underWay.most).toBe(most);
    await expect(run({ parallel: 9 })).rejects.toThrow('--parallel is a number from 1 to 8, not 9.');
  });

  it.each([
    ['turns of one session', (index: number) => ({ content: `turn ${index}`, sessionId: 'one' })],
    ['facts about one entity', (index: number) => ({ content: `turn ${index}`, entityId: 'ada' })],
    ['lines of one key', (index: number) => ({ content: `turn ${index}`, idempotencyKey: `key ${index % 10}` })],
    ['equal lines', (index: number) => ({ content: index % 10 === 9 ? 'the same' : `turn ${index}` })],
  ])('never has %s under way beside each other', async (_, lineOf) => {
    await start(Array.from({ length: 100 }, (_, index) => JSON.stringify({ type: 'EPISODIC', ...lineOf(index) })));
    const { underWay } = Object.assign(broker as FakeBroker, { delayMs: 20 });
    expect(await run({ content: undefined, parallel: 8 })).toMatchObject({ read: 100, complete: true });
    expect(underWay.most).toBe(1);
    expect(sent()).toHaveLength(100);
  });

  it('has sessions under way beside each other', async () => {
    await start(Array.from({ length: 100 }, (_, n) => JSON.stringify({ text: `turn ${n}`, session: `${n >> 3}` })));
    const { underWay } = Object.assign(broker as FakeBroker, { delayMs: 20 });
    expect(await run({ session: 'session' })).toMatchObject({ read: 100, created: 100 });
    expect(underWay.most).toBe(3);
  });

  it('sends what is no text to the broker, which refuses it', async () => {
    const isText = ({ sessionId }: MemorizeInput) => typeof sessionId === 'string';
    broker = await FakeBroker.start(undefined, (input) =>
      isText(input) ? undefined : { code: 'BAD_INPUT', message: 'must be text' },
    );
    const line = { content: 'x', type: 'EPISODIC' };
    await writeTurns([
      JSON.stringify({ ...line, sessionId: 's' }),
      JSON.stringify({ ...line, sessionId: { toString: 1 } }),
    ]);
    expect(await run({ content: undefined, batch: 1 })).toMatchObject({ read: 2, created: 1, failed: 1 });
  });

  it('has ended all of its requests when it fails', async () => {
    await start(turns(65), (request, inputs) => {
      if (inputs.some(({ content }) => content === 'turn 20')) return 'cut-before';
      return request > 2 && inputs.length > 1 ? { code: 'BAD_INPUT', status: 400 } : undefined;
    });
    await expect(run()).rejects.toThrow(/CONNECTION_LOST/);
    const { length } = (broker as FakeBroker).requests;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(broker?.requests).toHaveLength(length);
    expect(broker?.underWay.now).toBe(0);
  });

  it('tells a refusal for lack of access also when it was interrupted', async () => {
    const interrupt = new AbortController();
    await start(turns(45), (_, inputs) => {
      if (!inputs.some(({ content }) => content === 'turn 20')) return undefined;
      interrupt.abort();
      return { code: 'FORBIDDEN' };
    });
    await expect(run({ signal: interrupt.signal })).rejects.toThrow(/FORBIDDEN/);
  });

  it('waits as long as RATE_LIMITED asks, and sends the same again', async () => {
    await start(turns(15), (request) => (request === 1 ? { code: 'RATE_LIMITED', retryAfterMs: 300 } : undefined));
    const began = performance.now();
    expect(await run({ attempts: 3 })).toMatchObject({ created: 15, failed: 0 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
    expect(broker?.requests[1]).toEqual(broker?.requests[0]);
    expect(told.join('\n')).toMatch(/RATE_LIMITED.*trying again/);
  });

  it('sends single lines again that fail for now, and never counts them as failed', async () => {
    const busy = new Set(['turn 3', 'turn 4']);
    broker = await FakeBroker.start(undefined, ({ content }) =>
      busy.delete(content) ? { code: 'UNAVAILABLE', message: 'not now' } : undefined,
    );
    await writeTurns(turns(10));
    expect(await run()).toMatchObject({ created: 10, failed: 0 });
    expect(broker.requests.map((inputs) => inputs.map(({ content }) => content)).at(-1)).toEqual(['turn 3', 'turn 4']);
  });

  it('finds the one line for which a whole request is refused', async () => {
    await start(turns(20), (_, inputs) =>
      inputs.some(({ content }) => content === 'turn 13') ? { code: 'BAD_INPUT', status: 400 } : undefined,
    );
    const summary = await run();
    expect(summary).toMatchObject({ read: 20, created: 19, failed: 1, complete: true });
    expect(importExitCode(summary)).toBe(1);
    expect(told.join('\n')).toMatch(/line 14: BAD_INPUT/);
  });

  it('halves a batch that is too large for the broker', async () => {
    await start(turns(10), (_, inputs) => (inputs.length > 3 ? { code: 'TOO_LARGE', status: 413 } : undefined));
    expect(await run()).toMatchObject({ created: 10, failed: 0 });
  });

  it('counts invalid lines, tells the first twenty and writes all of them, once, also over a stop', async () => {
    const lines = turns(30).flatMap((line, index) => [line, `bad ${index}`]);
    await start(lines, (request) => (request === 2 ? 'cut-before' : undefined));
    await expect(run()).rejects.toThrow(/CONNECTION_LOST/);
    expect(await run()).toMatchObject({ read: 60, created: 30, failed: 30, complete: true });
    const failures = (await readFile(path.join(folder, 'turns.jsonl.import-failures.jsonl'), 'utf8'))
      .trim()
      .split('\n');
    const parsed = failures.map((line) => JSON.parse(line) as { line: number; source: string });
    expect(parsed.map(({ line }) => line)).toEqual(Array.from({ length: 30 }, (_, index) => 2 * index + 2));
    expect(parsed[0]).toMatchObject({ code: 'BAD_JSON', source: 'bad 0' });
  });

  it('tells at most twenty failures', async () => {
    await start(Array.from({ length: 50 }, () => 'bad'));
    await run();
    expect(told.filter((text) => /^line \d+: BAD_JSON/.test(text))).toHaveLength(20);
  });

  it('stops when the broker refuses every line for lack of access, with none counted as done', async () => {
    broker = await FakeBroker.start(undefined, () => ({ code: 'FORBIDDEN', message: 'not your pool' }));
    await writeTurns(turns(30));
    await expect(run()).rejects.toThrow(/refused every line.*FORBIDDEN: not your pool/);
    expect(await checkpoint()).toMatchObject({ linesDone: 0, counts: { failed: 0 } });
    expect(broker.requests).toHaveLength(1);
  });

  it('stops at the first batch when the broker says the same of every line, as of a pool that is not there', async () => {
    await start(turns(30), () => ({ code: 'BAD_INPUT' }));
    await expect(run()).rejects.toThrow(/refused every line.*BAD_INPUT/);
    expect(await checkpoint()).toMatchObject({ linesDone: 0, complete: false });
  });

  it('refuses to go on with another file, pool or mapping under the name', async () => {
    await start(turns(25), once(10, 'cut-before'));
    await expect(run()).rejects.toThrow(/CONNECTION_LOST/);
    await expect(run({ pool: 'other' })).rejects.toThrow(/the pool was team.*--restart/);
    await expect(run({ speaker: 'who' })).rejects.toThrow(/mapping was another/);
    await writeTurns(turns(26));
    await expect(run()).rejects.toThrow(/another content/);
    expect(await run({ restart: true })).toMatchObject({ read: 26, created: 11, duplicate: 15, complete: true });
  });

  it('says what to do about a checkpoint that it cannot read', async () => {
    await start(turns(3));
    await writeFile(path.join(folder, 'turns.jsonl.import-progress.json'), '{');
    await expect(run()).rejects.toThrow(/not a checkpoint.*--restart/);
    expect(await run({ restart: true })).toMatchObject({ created: 3 });
  });

  it('keeps its state in another folder when asked', async () => {
    await start([...turns(2), 'bad']);
    await run({ state: path.join(folder, 'state') });
    expect((await readdir(path.join(folder, 'state'))).sort()).toEqual([
      'turns.jsonl.import-failures.jsonl',
      'turns.jsonl.import-progress.json',
    ]);
  });

  it('says plainly that a file is not there', async () => {
    await expect(run()).rejects.toThrow(/turns.jsonl cannot be read/);
  });

  it('only maps, checks and shows in a dry run', async () => {
    await writeTurns([...turns(5), 'bad', JSON.stringify({ text: '' })]);
    const summary = await run({ dryRun: true, key: undefined, speaker: 'who' });
    expect(summary).toMatchObject({
      read: 7,
      created: 0,
      failed: 2,
      dryRun: true,
      warnings: ['no line has the field who; is it spelt so?'],
    });
    expect(importExitCode(summary)).toBe(1);
    expect(told.filter((text) => /becomes/.test(text))).toHaveLength(3);
    expect(await readdir(folder)).toEqual(['turns.jsonl']);
  });
});
