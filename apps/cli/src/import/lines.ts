import { createReadStream } from 'node:fs';

/** Far above any line that could become a memory; a file without line ends must not fill the memory. */
const LONGEST_LINE_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A place between two lines: how many lines lie before it, and how many bytes. */
export interface Position {
  lines: number;
  bytes: number;
}

export interface SourceLine {
  /** Counts from 1. */
  number: number;
  /** Null where `problem` says why it could not be read. */
  text: string | null;
  problem?: string;
  /** Where the line after it begins. */
  end: Position;
}

/**
 * The lines from a position on, one chunk of the file in memory at a time. Unlike readline it knows the bytes, so
 * that an import goes on at its place without reading what lies before, and it bounds the length of a line.
 */
export async function* readLines(file: string, from: Position): AsyncGenerator<SourceLine, void, undefined> {
  const line = new LineBuffer();
  let { lines, bytes } = from;
  for await (const chunk of createReadStream(file, { start: bytes, highWaterMark: 256 * 1024 })) {
    const data = chunk as Buffer;
    let start = 0;
    for (let end = data.indexOf(LINE_FEED); end !== -1; end = data.indexOf(LINE_FEED, start)) {
      line.add(data.subarray(start, end));
      bytes += end + 1 - start;
      start = end + 1;
      yield { number: ++lines, ...line.take(lines), end: { lines, bytes } };
    }
    line.add(data.subarray(start));
    bytes += data.length - start;
  }
  if (line.started) yield { number: ++lines, ...line.take(lines), end: { lines, bytes } };
}

class LineBuffer {
  private parts: Buffer[] = [];
  private size = 0;

  get started(): boolean {
    return this.size > 0;
  }

  add(part: Buffer): void {
    this.size += part.length;
    if (this.size <= LONGEST_LINE_BYTES) this.parts.push(part);
    else this.parts = [];
  }

  take(number: number): Pick<SourceLine, 'text' | 'problem'> {
    const { parts, size } = this;
    this.parts = [];
    this.size = 0;
    if (size > LONGEST_LINE_BYTES)
      return { text: null, problem: `the line has ${size} bytes; at most ${LONGEST_LINE_BYTES} are read` };
    try {
      const text = decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
      return { text: number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text };
    } catch {
      return { text: null, problem: 'the line is not valid UTF-8' };
    }
  }
}
