import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSource, type SourceFacts } from './source.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['apps', 'bench', 'libs', 'migrations'];

/** Every source file of the house; not what others wrote, and not what was built. */
export function readHouse(): SourceFacts[] {
  return FOLDERS.flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => path.posix.join(folder, file)),
  )
    .filter((file) => /\.(ts|tsx|mts|js|mjs)$/.test(file) && !/(^|\/)(node_modules|dist)\//.test(file))
    .sort()
    .map((file) => readSource(file, fs.readFileSync(path.join(ROOT, file), 'utf8')));
}
