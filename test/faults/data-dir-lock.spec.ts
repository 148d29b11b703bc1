import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, temporaryFolder } from '../support/broker-process.js';

const started = (pid: number) => {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
};
const holder = (rest: object = {}) =>
  JSON.stringify({ pid: process.pid, host: os.hostname(), started: started(process.pid), ...rest });

describe('the folder of the embedded database', () => {
  it('is refused to a second broker, in one line that names the first one, which goes on', async () => {
    const DATA_DIR = temporaryFolder();
    const first = await BrokerProcess.start({ DATA_DIR });
    const second = BrokerProcess.spawn({ DATA_DIR });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toBe(
      `commonplace: ${DATA_DIR} is in use by process ${first.pid} on ${os.hostname()}. Stop it first, or start this broker with another DATA_DIR.\n`,
    );
    expect(second.stdout).toBe('');
    expect(await first.client.ask('{ viewer { role } }')).toEqual({ viewer: { role: 'admin' } });
    expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(fs.existsSync(path.join(DATA_DIR, 'lock'))).toBe(false);
  });

  it('is taken over from a broker that was killed', async () => {
    const DATA_DIR = temporaryFolder();
    await (await BrokerProcess.start({ DATA_DIR })).kill('SIGKILL');
    expect(fs.existsSync(path.join(DATA_DIR, 'lock'))).toBe(true);
    const next = await BrokerProcess.start({ DATA_DIR });
    expect(await next.client.ask('{ viewer { role } }')).toEqual({ viewer: { role: 'admin' } });
  });
});

describe('the lock file', () => {
  let contenders: Contender[];
  beforeAll(async () => {
    contenders = await Promise.all(Array.from({ length: 10 }, () => Contender.start()));
  });
  afterAll(() => Promise.all(contenders.map((contender) => contender.stop())));

  const folderLockedBy = (content: string | null, ageMs = 0): string => {
    const folder = temporaryFolder();
    if (content === null) return folder;
    const file = path.join(folder, 'lock');
    fs.writeFileSync(file, content);
    const time = new Date(Date.now() - ageMs);
    fs.utimesSync(file, time, time);
    return folder;
  };
  const take = (folder: string) => (contenders[0] as Contender).take(folder);

  it.each([
    ['of a live process', holder()],
    ['of a live process that belongs to somebody else', holder({ pid: 1, started: started(1) })],
    ['of another host that gave a sign of life just now', holder({ host: 'elsewhere' })],
  ])('%s is respected', async (_, content) => {
    const folder = folderLockedBy(content);
    expect(await take(folder)).toContain('is in use by process');
    expect(fs.readFileSync(path.join(folder, 'lock'), 'utf8')).toBe(content);
  });

  it.each([
    ['of a process that is gone', holder({ pid: 4_194_304 })],
    ['whose process id now belongs to another process', holder({ started: '1' })],
    ['that was cut off in the middle of its writing', holder().slice(0, 20)],
    ['that is empty', ''],
    ['that holds something else', '5'],
    ['that holds an object of something else', '{}'],
  ])('%s is stale', async (_, content) => {
    const folder = folderLockedBy(content);
    expect(await take(folder)).toBe('taken');
    expect(JSON.parse(fs.readFileSync(path.join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: contenders[0]?.pid });
    expect(fs.readdirSync(folder)).toEqual(['lock']);
  });

  it('of another host that gave no sign of life for long is stale', async () => {
    expect(await take(folderLockedBy(holder({ host: 'elsewhere' }), 60_000))).toBe('taken');
  });

  it('that a process was killed at writing is no hindrance', async () => {
    const folder = folderLockedBy(null);
    const writing = path.join(folder, 'lock.writing');
    fs.writeFileSync(writing, '');
    fs.utimesSync(writing, new Date(0), new Date(0));
    expect(await take(folder)).toBe('taken');
    expect(fs.readdirSync(folder)).toEqual(['lock']);
  });

  it('gives a sign of life while it is held', async () => {
    const folder = folderLockedBy(null);
    expect(await take(folder)).toBe('taken');
    const file = path.join(folder, 'lock');
    fs.utimesSync(file, new Date(0), new Date(0));
    const deadline = Date.now() + 20_000;
    while (fs.statSync(file).mtimeMs === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(fs.statSync(file).mtimeMs).toBeGreaterThan(0);
  });

  it.each([
    ['a stale lock', holder({ pid: 4_194_304 })],
    ['no lock', null],
  ])('goes to exactly one of ten processes that come at once upon %s', async (_, content) => {
    // A lock that was being written looked torn and was set aside, and one put back too late was taken twice.
    for (let round = 0; round < 150; round++) {
      const folder = folderLockedBy(content);
      const at = Date.now() + 15;
      const answers = await Promise.all(contenders.map((contender) => contender.take(folder, at)));
      const others = answers.filter((answer) => answer !== 'taken');
      expect({ round, taken: answers.length - others.length }).toEqual({ round, taken: 1 });
      for (const answer of others) expect(answer).toMatch(/is in use by process \d+ on /);
      const pid = contenders[answers.indexOf('taken')]?.pid;
      expect(JSON.parse(fs.readFileSync(path.join(folder, 'lock'), 'utf8'))).toMatchObject({ pid });
    }
  });
});

/** A process that takes locks when it is told to. */
class Contender {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<Contender> {
    const child = fork(fileURLToPath(new URL('../support/lock-contender.mjs', import.meta.url)), { execArgv: [] });
    await once(child, 'message');
    return new Contender(child);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** 'taken', or why not. @param at when, so that several come at once */
  async take(folder: string, at = 0): Promise<string> {
    const answered = once(this.child, 'message');
    this.child.send({ folder, at });
    return ((await answered) as [string])[0];
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }
}
