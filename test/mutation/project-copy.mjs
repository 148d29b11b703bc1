// Copies of the project to mutate: the checkout itself is never touched.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withMutant } from './source-mutants.mjs';

/** @typedef {{ root: string, cache: string }} Copy */

/** Every file that Git knows or would add. @param {string} root */
export function filesOf(root) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  return listed
    .trim()
    .split('\n')
    .filter((file) => fs.existsSync(path.join(root, file)));
}

/** @param {string} root @param {number} count @returns {{ folder: string, copies: Copy[] }} */
export function copyProject(root, count) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-walls-'));
  const copies = Array.from({ length: count }, (_, n) => copyTo(root, path.join(folder, String(n))));
  return { folder, copies };
}

/** @param {string} root @param {string} to @returns {Copy} */
function copyTo(root, to) {
  for (const file of filesOf(root)) {
    fs.mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(to, file));
  }
  fs.symlinkSync(fs.realpathSync(path.join(root, 'node_modules')), path.join(to, 'node_modules'));
  const swc = path.join(to, 'node_modules/@swc/cli/bin/swc.js');
  const args = [swc, 'apps', 'libs', 'migrations', '-d', 'dist', '--config-file', '.swcrc', '--quiet'];
  execFileSync(process.execPath, args, { cwd: to, stdio: 'inherit' });
  return { root: to, cache: `${to}-cache` };
}

/** @param {Copy} copy @param {import('./source-mutants.mjs').SourceMutant} mutant @returns {() => void} what undoes it */
export function mutate({ root }, mutant) {
  const file = path.join(root, mutant.file);
  const source = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, withMutant(source, mutant));
  return () => fs.writeFileSync(file, source);
}
