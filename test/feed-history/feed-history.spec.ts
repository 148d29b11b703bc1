import { afterAll, describe, expect } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nativeOnly, itOnNative } from '../support/database.js';

const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));
/** Kills come after half to one and a half of their time: at least one of each in the 24 seconds. */
const SHORT = ['--minutes', '0.4', '--subscribers', '30', '--writers', '5', '--rate', '15'];
const KILLS = ['--replica-kill-seconds', '9', '--postgres-kill-seconds', '14'];

let running: ChildProcess | undefined;
afterAll(async () => {
  if (!running || running.exitCode !== null) return;
  const ended = once(running, 'exit');
  // It stops its brokers and its Postgres.
  running.kill('SIGTERM');
  await ended;
}, 60_000);

/** On a Postgres of its own: that of the other suites is not to be killed. */
async function run(args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running = child;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const figure = (output: string, name: string) => Number(new RegExp(`^${name} +(\\d+)$`, 'm').exec(output)?.[1] ?? 0);

describe('the feed under killed brokers, a killed Postgres and edits of the policy', () => {
  itOnNative(
    nativeOnly('loses nothing, tells nothing forbidden, and keeps the order of every pool'),
    async () => {
      const { code, output } = await run([...SHORT, ...KILLS]);
      // What was found stands in the output, with the seed.
      expect(output).toMatch(/^0 violations$/m);
      expect(code).toBe(0);
      expect(figure(output, 'deliveries')).toBeGreaterThan(1_000);
      expect(figure(output, 'owed')).toBeGreaterThan(figure(output, 'deliveries') / 2);
      expect(figure(output, 'policy edits')).toBeGreaterThan(4);
      expect(figure(output, 'kills')).toBeGreaterThanOrEqual(2);
    },
    300_000,
  );
});
