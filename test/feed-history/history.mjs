// What happened, as lines of JSON in one file: every actor tells it here, in the time of this one process.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';

const FLUSH_AT = 1 << 18;

/** @typedef {{ t: number, k: string, [field: string]: any }} Line */

export class History {
  /** @param {string} file */
  constructor(file) {
    this.file = file;
    this.descriptor = fs.openSync(file, 'w');
    this.startedAt = process.hrtime.bigint();
    this.text = '';
    // Of the wall clock at t = 0, in milliseconds: Postgres tells that time.
    this.tell('wall', { wall: wallClock() }, 0);
  }

  /** Milliseconds since the beginning. */
  now() {
    return Number((process.hrtime.bigint() - this.startedAt) / 1000n) / 1000;
  }

  /** @param {string} kind @param {Record<string, unknown>} fields */
  tell(kind, fields, t = this.now()) {
    this.text += `${JSON.stringify({ t, k: kind, ...fields })}\n`;
    if (this.text.length > FLUSH_AT) this.flush();
  }

  flush() {
    const bytes = Buffer.from(this.text);
    this.text = '';
    for (let at = 0; at < bytes.length;) at += fs.writeSync(this.descriptor, bytes, at);
  }

  close() {
    this.tell('wall', { wall: wallClock() });
    this.flush();
    fs.closeSync(this.descriptor);
  }
}

const wallClock = () => performance.timeOrigin + performance.now();

/** Of a file that one string could not hold. @param {string} file @returns {AsyncGenerator<Line>} */
export async function* linesOf(file) {
  const lines = readline.createInterface({ input: fs.createReadStream(file, { highWaterMark: 1 << 20 }) });
  for await (const line of lines) if (line) yield JSON.parse(line);
}
