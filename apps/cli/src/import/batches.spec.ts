import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { batchesOf, type Batch } from './batches.js';
import { readLines, type Position } from './lines.js';
import { parseMapping } from './mapping.js';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), 'import-batches-'))));
afterAll(() => rm(folder, { recursive: true }));

const start: Position = { lines: 0, bytes: 0 };

async function fileOf(content: string | Buffer): Promise<string> {
  const file = path.join(folder, `${Math.random()}.jsonl`);
  await writeFile(file, content);
  return file;
}

async function allBatches(content: string | Buffer, size = 100, from = start): Promise<Batch[]> {
  const file = await fileOf(content);
  const batches: Batch[] = [];
  const options = { mapping: parseMapping({ content: 't' }), size, from };
  for await (const batch of batchesOf(readLines(file, from), options)) batches.push(batch);
  return batches;
}

async function lengthsBySession(lines: string[]): Promise<number[]> {
  const file = await fileOf(lines.join(''));
  const lengths: number[] = [];
  const options = { mapping: parseMapping({ content: 't', session: 's' }), size: 10, from: start };
  for await (const batch of batchesOf(readLines(file, start), options)) lengths.push(batch.lines.length);
  return lengths;
}

const line = (text: string) => `${JSON.stringify({ t: text })}\n`;

describe('batches', () => {
  it('hold at most the asked number of lines, in order, and end where the next begins', async () => {
    const content = Array.from({ length: 25 }, (_, index) => line(`n${index}`)).join('');
    const batches = await allBatches(content, 10);
    expect(batches.map((batch) => batch.lines.length)).toEqual([10, 10, 5]);
    expect(batches.flatMap((batch) => batch.lines.map(({ input }) => input.content))).toEqual(
      Array.from({ length: 25 }, (_, index) => `n${index}`),
    );
    const rest = await allBatches(content, 10, (batches[0] as Batch).end);
    expect(rest[0]?.lines[0]).toMatchObject({ number: 11, input: { content: 'n10' } });
  });

  it('stay below the size of a request, in bytes as sent', async () => {
    const batches = await allBatches(line('ä'.repeat(30_000)).repeat(25));
    expect(batches.map((batch) => batch.lines.length)).toEqual([9, 9, 7]);
    for (const { lines } of batches)
      expect(Buffer.byteLength(JSON.stringify(lines.map(({ input }) => input)))).toBeLessThan(600_000);
  });

  it.each([
    ['end with a session where they are almost full', [8, 9, 12, 8], [8, 9, 10, 10, 0]],
    ['are full where each line is a session', Array<number>(20).fill(1), [10, 10, 0]],
  ])('%s', async (_, sessions, lengths) => {
    const lines = sessions.flatMap((turns, nth) => Array<string>(turns).fill(`{"t":"x","s":"${nth}"}\n`));
    expect(await lengthsBySession(lines)).toEqual(lengths);
  });

  it('are full where sessions alternate', async () => {
    const lines = Array.from({ length: 20 }, (_, n) => `{"t":"x","s":"${(n >> 1) % 3}"}\n`);
    expect(await lengthsBySession(lines)).toEqual([10, 10, 0]);
  });

  it('count invalid lines as failures with their number, and skip blank ones', async () => {
    const [batch] = await allBatches(`${line('a')}\n{"t": \n[1]\n  \n${line('b')}`);
    expect(batch?.lines.map(({ number }) => number)).toEqual([1, 6]);
    expect(batch?.failures.map(({ line: number, code }) => [number, code])).toEqual([
      [3, 'BAD_JSON'],
      [4, 'BAD_INPUT'],
    ]);
    expect(batch?.read).toBe(4);
  });

  it('end with a line that has no line feed, and with carriage returns, byte order mark and line separators', async () => {
    const [batch] = await allBatches('\uFEFF{"t":"one\u2028two"}\r\n{"t":"three"}');
    expect(batch?.lines.map(({ input }) => input.content)).toEqual(['one\u2028two', 'three']);
    expect(batch?.failures).toEqual([]);
  });

  it('fail a line that is not UTF-8 or endless, and go on', async () => {
    const endless = Buffer.alloc(9 * 1024 * 1024, 'x');
    const content = Buffer.concat([Buffer.from([0x22, 0xff, 0x22, 0x0a]), endless, Buffer.from(`\n${line('after')}`)]);
    const [batch] = await allBatches(content);
    expect(batch?.failures.map(({ message }) => message)).toEqual([
      expect.stringMatching(/UTF-8/),
      expect.stringMatching(/9437184 bytes/),
    ]);
    expect(batch?.lines.map(({ number }) => number)).toEqual([3]);
    expect(batch?.end.bytes).toBe(content.length);
  });

  it('yield checkpoints in a file of nothing but bad lines', async () => {
    const batches = await allBatches('bad\n'.repeat(2_500));
    expect(batches.map((batch) => batch.failures.length)).toEqual([1_000, 1_000, 500]);
  });
});
