#!/usr/bin/env node
// Starts the built program; in a checkout it builds first what is not built, or older than its sources.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const main = path.join(root, 'dist/bundle/main.js');
const sources = ['apps', 'libs', 'migrations'].map((folder) => path.join(root, folder));
// What is installed is in the bundle too: an update that is not built in would be none.
const inputs = ['package-lock.json', 'build.mjs', '.swcrc'].map((file) => path.join(root, file));

/** The client has a build of its own, and examples may have packages. @param {string} folder */
const isMade = (folder) =>
  path
    .relative(root, folder)
    .split(path.sep)
    .some((part) => part === 'dist' || part === 'node_modules');

/** @param {string} folder @returns {number} milliseconds since the epoch */
function newest(folder) {
  let time = 0;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.endsWith('.spec.ts') || isMade(entry.parentPath)) continue;
    time = Math.max(time, fs.statSync(path.join(entry.parentPath, entry.name)).mtimeMs);
  }
  return time;
}

function isStale() {
  if (!fs.existsSync(main)) return true;
  // A package or an image has no sources beside what was built from them.
  if (!fs.existsSync(path.join(root, 'libs'))) return false;
  const times = [
    ...sources.filter((folder) => fs.existsSync(folder)).map(newest),
    ...inputs.filter((file) => fs.existsSync(file)).map((file) => fs.statSync(file).mtimeMs),
  ];
  return Math.max(...times) > fs.statSync(main).mtimeMs;
}

if (isStale()) {
  process.stderr.write('Building…\n');
  const built = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (built.status !== 0) {
    process.stderr.write('The build failed. Run npm install, then npm run build, and see what it says.\n');
    process.exit(1);
  }
}
await import(main);
