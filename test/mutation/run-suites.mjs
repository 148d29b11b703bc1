// Runs some of the project's tests against one copy, and says what failed.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';

/** What a statement says that Postgres or JavaScript cannot even read: then the mutant was none. */
const UNREADABLE =
  /syntax error|does not exist|could not determine data type|invalid reference|SyntaxError|ReferenceError|is not a function/;

/** @typedef {{ outcome: 'passed' | 'killed' | 'unreadable' | 'late', by: string }} Verdict */
/** @typedef {import('node:child_process').ChildProcess} Child */

/** Those that run now: whoever stops the script stops them. @type {Set<Child>} */
export const running = new Set();

/**
 * @param {import('./project-copy.mjs').Copy} copy @param {readonly string[]} suites
 * @param {{ env: Record<string, string | undefined>, timeoutMs: number }} options
 * @returns {Promise<Verdict>}
 */
export async function runSuites({ root, cache }, suites, { env, timeoutMs }) {
  const report = `${root}-report.json`;
  fs.rmSync(report, { force: true });
  const args = [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--runInBand',
    '--silent',
  ];
  args.push('--selectProjects', env.TEST_DATABASE_URL ? 'postgres' : 'embedded', '--cacheDirectory', cache);
  args.push('--globalSetup', `${root}/test/mutation/mutant-setup.mjs`, '--json', '--outputFile', report, '--forceExit');
  const child = spawn(process.execPath, [...args, ...suites], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'ignore',
    detached: true,
  });
  const inTime = await ended(child, timeoutMs);
  if (!inTime) return { outcome: 'late', by: `no answer in ${timeoutMs / 1000} s` };
  return fs.existsSync(report)
    ? read(JSON.parse(fs.readFileSync(report, 'utf8')))
    : { outcome: 'unreadable', by: 'Jest did not start' };
}

/** @param {Child} child @param {number} timeoutMs */
async function ended(child, timeoutMs) {
  running.add(child);
  let inTime = true;
  const timer = setTimeout(() => {
    inTime = false;
    stop(child);
  }, timeoutMs);
  await new Promise((done) => child.once('exit', done));
  clearTimeout(timer);
  running.delete(child);
  return inTime;
}

/** With what it started. @param {Child} child */
export function stop({ pid }) {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** @param {any} report of Jest @returns {Verdict} */
function read({ success, testResults }) {
  if (success) return { outcome: 'passed', by: '' };
  const failed = testResults
    .flatMap((/** @type {any} */ file) => file.assertionResults)
    .filter((/** @type {any} */ test) => test.status === 'failed');
  const messages = failed.flatMap((/** @type {any} */ test) => test.failureMessages);
  if (failed.length === 0) return { outcome: 'unreadable', by: String(testResults[0]?.message).slice(0, 300) };
  const isReadable = messages.some(
    (/** @type {string} */ message) => /expect\(/.test(message) || !UNREADABLE.test(message),
  );
  const first = failed[0].fullName + (failed.length > 1 ? ` (and ${failed.length - 1} more)` : '');
  return isReadable ? { outcome: 'killed', by: first } : { outcome: 'unreadable', by: messages[0].slice(0, 300) };
}
