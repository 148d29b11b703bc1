import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { exportMemories, type ExportOptions } from './export-memories.js';
import { type ListedMemory } from './exported-memory.js';
import { type ExportSummary } from './summary.js';

const MAIN = fileURLToPath(new URL('../../../../dist/bundle/main.js', import.meta.url));

let folder = '';
let server: Server | undefined;
let asked: Record<string, unknown>[] = [];
let told = '';
let written = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'export-'));
  [asked, told, written] = [[], '', ''];
});
afterEach(async () => {
  server?.closeAllConnections();
  if (server) await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  fs.rmSync(folder, { recursive: true });
});

const memory = (content: string | null, rest: Partial<ListedMemory> = {}): ListedMemory => ({
  content,
  pool: { key: 'coder' },
  type: 'EPISODIC',
  importance: 'LOW',
  entityId: null,
  sessionId: null,
  speaker: null,
  labels: [],
  metadata: null,
  validFrom: null,
  expiresAt: null,
  maskedFields: [],
  ...rest,
});

/** A broker of which only this is known: what it answers for each page, or what it does instead. */
async function serve(
  pages: ListedMemory[][],
  meddle?: (request: number, response: ServerResponse) => boolean,
): Promise<string> {
  let requests = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { variables } = JSON.parse(Buffer.concat(chunks).toString()) as { variables: Record<string, unknown> };
      asked.push(variables);
      if (meddle?.(++requests, response)) return;
      const place = Number(variables['after'] ?? 0);
      const pageInfo = { hasNextPage: place + 1 < pages.length, endCursor: String(place + 1) };
      response.end(JSON.stringify({ data: { memories: { nodes: pages[place], totalCount: 7, pageInfo } } }));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

/** As slow as a pipe whose reader takes one write at a time. */
const slow = (add: (text: string) => void) =>
  new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _, done) => {
      add(chunk.toString());
      setImmediate(done);
    },
  });
const terminal = (isTTY: boolean) =>
  Object.assign(
    new Writable({
      write: (chunk: Buffer, _, done) => {
        told += chunk.toString();
        done();
      },
    }),
    { isTTY },
  );
const run = (url: string, options: Partial<ExportOptions> = {}): Promise<ExportSummary> =>
  exportMemories({
    url,
    key: 'secret',
    attempts: 3,
    backoffMs: 1,
    output: slow((text) => (written += text)),
    stream: terminal(false),
    signal: new AbortController().signal,
    ...options,
  });
const refuse = (response: ServerResponse, code: string) =>
  response.end(JSON.stringify({ errors: [{ message: 'no', extensions: { code } }] }));
const contents = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { content: string }).content);

const PAGES = [
  [memory('six'), memory('five')],
  [memory('four'), memory('three')],
  [memory('two'), memory('one')],
];
const OLDEST_FIRST = ['one', 'two', 'three', 'four', 'five', 'six'];

describe('export', () => {
  it('writes the pages oldest first, so that an import begins with the oldest', async () => {
    const summary = await run(await serve(PAGES));
    expect(contents(written)).toEqual(OLDEST_FIRST);
    expect(asked.map(({ after }) => after)).toEqual([null, '1', '2']);
    expect(told).toBe('6 memories exported, oldest first.\n');
    expect(summary).toMatchObject({ exported: 6, exitCode: 0 });
  });

  it('keeps what a memory has, and leaves out what it has not', async () => {
    const full = {
      entityId: 'alpha',
      sessionId: 's1',
      speaker: 'Eve',
      labels: ['a', 'b'],
      metadata: { n: 1.5, deep: { list: [null] } },
      validFrom: '2025-01-01T00:00:00.000Z',
      expiresAt: '2035-01-01T00:00:00.000Z',
    };
    const content = 'two\nlines, \u2028 and 😀';
    await run(await serve([[memory('plain'), memory(content, full)]]));
    expect(written.split('\n')).toHaveLength(3);
    expect(
      written
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { content, pool: 'coder', type: 'EPISODIC', importance: 'LOW', ...full },
      { content: 'plain', pool: 'coder', type: 'EPISODIC', importance: 'LOW' },
    ]);
  });

  it('asks for the pools that are named, and otherwise for all', async () => {
    const url = await serve([[]]);
    await run(url, { pool: ['coder', 'shared'] });
    await run(url, { pool: [] });
    expect(asked.map(({ filter }) => filter)).toEqual([{ pools: ['coder', 'shared'] }, null]);
  });

  it('counts what the policy hides: without content a memory is left out, without another field it is not', async () => {
    const pages = [
      [
        memory(null, { maskedFields: ['content', 'labels'], labels: null }),
        memory('kept', { maskedFields: ['speaker', 'labels', 'author'], labels: null }),
        memory('whole', { maskedFields: ['author'] }),
      ],
    ];
    const summary = await run(await serve(pages));
    expect(contents(written)).toEqual(['whole', 'kept']);
    expect(summary).toMatchObject({ exported: 2, withoutContent: 1, incomplete: 1 });
    expect(told).toBe(`2 memories exported, oldest first.
1 left out: the policy hides their content from this key.
1 without what the policy hides from this key: labels, speaker.
`);
  });

  it('goes on after a broker that was busy or gone for a moment', async () => {
    const url = await serve(PAGES, (request, response) => {
      if (request === 2) refuse(response, 'UNAVAILABLE');
      if (request === 3) response.destroy();
      return request === 2 || request === 3;
    });
    await run(url);
    expect(contents(written)).toEqual(OLDEST_FIRST);
    expect(told).toMatch(/UNAVAILABLE.*trying again.*\n.*CONNECTION_LOST.*trying again/);
  });

  it('tells the progress on a terminal', async () => {
    await run(await serve(PAGES), { stream: terminal(true) });
    expect(asked.map(({ counting }) => counting)).toEqual([true, false, false]);
    expect(told).toContain('2 of 7 memories read');
    expect(told.endsWith('\r\u001b[2K6 memories exported, oldest first.\n')).toBe(true);
  });

  it('needs a key', async () => {
    await expect(run('http://127.0.0.1:1', { key: undefined })).rejects.toMatchObject({
      told: true,
      message: expect.stringContaining('--key'),
    });
  });
});

describe('the file of an export', () => {
  const out = () => path.join(folder, 'memories.jsonl');

  it('is there whole, for its owner alone, with nothing beside it', async () => {
    await run(await serve(PAGES), { out: out() });
    expect(contents(fs.readFileSync(out(), 'utf8'))).toEqual(OLDEST_FIRST);
    expect(fs.statSync(out()).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(folder)).toEqual(['memories.jsonl']);
    expect(written).toBe('');
  });

  it('stays what it was when the broker refuses in the middle', async () => {
    fs.writeFileSync(out(), 'before');
    const url = await serve(PAGES, (request, response) => {
      if (request === 3) refuse(response, 'FORBIDDEN');
      return request === 3;
    });
    await expect(run(url, { out: out() })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(fs.readFileSync(out(), 'utf8')).toBe('before');
    expect(fs.readdirSync(folder)).toEqual(['memories.jsonl']);
  });

  it('stays what it was after an interrupt', async () => {
    fs.writeFileSync(out(), 'before');
    const interrupt = new AbortController();
    const url = await serve(PAGES, (request) => {
      if (request === 2) interrupt.abort();
      return false;
    });
    const summary = await run(url, { out: out(), signal: interrupt.signal });
    expect(summary).toMatchObject({ interrupted: true, exitCode: 130 });
    expect(told).toBe('Interrupted; nothing is exported.\n');
    expect(asked).toHaveLength(2);
    expect(fs.readFileSync(out(), 'utf8')).toBe('before');
    expect(fs.readdirSync(folder)).toEqual(['memories.jsonl']);
  });

  it('is the one that a link leads to; the link stays', async () => {
    fs.writeFileSync(out(), 'before');
    const link = path.join(folder, 'link');
    fs.symlinkSync(out(), link);
    await run(await serve(PAGES), { out: link });
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(contents(fs.readFileSync(out(), 'utf8'))).toHaveLength(6);
  });

  it('must be one: a folder and a device are refused, and so is a folder that is not there', async () => {
    const url = await serve(PAGES);
    for (const place of [folder, os.devNull]) {
      await expect(run(url, { out: place })).rejects.toMatchObject({
        told: true,
        message: expect.stringContaining('is not a file'),
      });
    }
    await expect(run(url, { out: path.join(folder, 'none/x.jsonl') })).rejects.toMatchObject({
      told: true,
      message: expect.stringMatching(/^the export cannot be written: ENOENT/),
    });
    expect(asked).toEqual([]);
  });

  it('does not come into being when the process gets SIGINT, which then exits with 130', async () => {
    // The second page is never answered until the signal has come.
    let answer: (() => void) | undefined;
    const url = await serve(PAGES, (request, response) => {
      if (request !== 2) return false;
      answer = () => void refuse(response, 'UNAVAILABLE');
      return true;
    });
    const child = spawn(process.execPath, ['--no-warnings', MAIN, 'export', '--url', url, '--out', out()], {
      env: { COMMONPLACE_KEY: 'secret' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const closed = once(child, 'close');
    await until(() => answer !== undefined);
    child.kill('SIGINT');
    await until(() => stderr.includes('Stopping'));
    answer?.();
    expect(await closed).toEqual([130, null]);
    expect(stderr).toBe('Stopping; once more stops at once.\nInterrupted; nothing is exported.\n');
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
