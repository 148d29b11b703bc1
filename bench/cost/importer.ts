import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../bundle/main.js', import.meta.url));

/** `commonplace import` of a file of such lines into the pool, as a process. @returns seconds, with its start */
export async function importLines(
  { url, key, pool }: { url: string; key: string; pool: string },
  contents: readonly string[],
): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-bench-'));
  try {
    const file = path.join(folder, 'memories.jsonl');
    fs.writeFileSync(file, contents.map((content) => `${JSON.stringify({ content })}\n`).join(''));
    const options = ['--pool', pool, '--url', `${url}/graphql`, '--content', 'content'];
    const start = performance.now();
    const child = spawn(process.execPath, ['--no-warnings', MAIN, 'import', file, ...options], {
      env: { COMMONPLACE_KEY: key },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`import ended with ${code}: ${told}`);
    return (performance.now() - start) / 1000;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
