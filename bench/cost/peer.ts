import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Another memory layer, used as its documentation says, in this process. */
export interface Peer {
  name: string;
  /** The contents found, best first. Several scopes are searched side by side, as none of them has a search over several. */
  search: (scopes: readonly string[], question: string, worker: number) => Promise<string[]>;
  addOne: (scope: string, content: string, worker: number) => Promise<void>;
  addMany: (scope: string, contents: readonly string[], worker: number) => Promise<void>;
  close: () => Promise<void>;
}

/** A peer, or why there is none. */
export type Found = Peer | { name: string; missing: string };

export const isThere = (found: Found): found is Peer => !('missing' in found);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LIST = path.join(ROOT, 'bench/peers/package.json');
/** Apart from the project's own packages, and where no tool that reads the project looks. */
const FOLDER = path.join(ROOT, 'node_modules/.cache/commonplace/bench-peers');
const INSTALL_MS = 900_000;

/** The SQLite in which mem0 keeps its history, the one package whose script is run. */
const SQLITE = 'better-sqlite3';

/** Brings the packages of bench/peers into their folder and builds the one that must be; minutes, once. */
export function installPeers(): void {
  const installed = path.join(FOLDER, 'package.json');
  const wanted = fs.readFileSync(LIST, 'utf8');
  if (!fs.existsSync(path.join(FOLDER, 'node_modules')) || fs.readFileSync(installed, 'utf8') !== wanted) {
    fs.mkdirSync(FOLDER, { recursive: true });
    fs.writeFileSync(installed, wanted);
    const status = npm('install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress');
    if (status !== 0) {
      fs.rmSync(path.join(FOLDER, 'node_modules'), { recursive: true, force: true });
      throw new Error(`npm install of bench/peers ended with ${status}`);
    }
  }
  // Where it cannot be built, the peer that needs it says so in the table.
  if (!fs.existsSync(path.join(FOLDER, 'node_modules', SQLITE, 'build/Release/better_sqlite3.node')))
    npm('rebuild', SQLITE);
}

const npm = (...args: string[]): number | null =>
  spawnSync('npm', args, { cwd: FOLDER, stdio: ['ignore', 2, 2], timeout: INSTALL_MS }).status;

/** @throws where the package is not installed, or does not load */
export async function importPeer<Module>(name: string): Promise<Module> {
  const file = createRequire(path.join(FOLDER, 'package.json')).resolve(name);
  return (await import(pathToFileURL(file).href)) as Module;
}

/** @returns the peer, or the reason why it cannot take part: it is told in the table. */
export async function open(name: string, opening: () => Promise<Peer>): Promise<Found> {
  try {
    return await opening();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'MODULE_NOT_FOUND' ? 'not installed: npm run bench -- --peers' : message.split('\n')[0];
    return { name, missing: missing ?? 'does not run' };
  }
}
