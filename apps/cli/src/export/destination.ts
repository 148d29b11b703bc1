import { once } from 'node:events';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Writable } from 'node:stream';
import { told } from '../fail.js';

/** Where an export goes in the end, and where it may keep what is not finished. */
export interface Destination {
  /** The name of a file that is not there yet. */
  scratch: string;
  write(pages: AsyncIterable<Buffer>): Promise<void>;
}

/** In one step: a reader finds what was there before, or the whole export, and never a half. */
export async function fileDestination(given: string): Promise<Destination> {
  const file = await target(given);
  const unfinished = `${file}.${process.pid}.tmp`;
  return {
    scratch: `${unfinished}.pages`,
    async write(pages) {
      try {
        const handle = await open(unfinished, 'wx', 0o600);
        try {
          for await (const page of pages) await handle.writeFile(page);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(unfinished, file);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
  };
}

export function streamDestination(stream: Writable): Destination {
  return {
    scratch: path.join(os.tmpdir(), `commonplace-export-${process.pid}-${Date.now()}.pages`),
    async write(pages) {
      for await (const page of pages) if (!stream.write(page)) await once(stream, 'drain');
    },
  };
}

/** Through links, for renaming would replace the link; and never in place of a device. */
async function target(given: string): Promise<string> {
  const file = await realpath(given).catch(() => path.resolve(given));
  const stats = await stat(file).catch(() => null);
  if (stats && !stats.isFile()) throw told(`--out: ${given} is not a file; without --out the lines go to stdout`);
  return file;
}
