import { appendFile, rm, truncate } from 'node:fs/promises';
import { type LineFailure } from './batches.js';

const PRINTED = 20;

/** Every failed line in a file of its own, as JSONL with the line as it was; the first ones are told at once. */
export class FailureLog {
  private printed = 0;

  constructor(
    private readonly file: string,
    private readonly note: (text: string) => void,
  ) {}

  /** Drops what a batch had written that was never acknowledged: it will be written again. */
  async rewindTo(bytes: number): Promise<void> {
    if (bytes === 0) await rm(this.file, { force: true });
    else await truncate(this.file, bytes).catch(() => undefined);
  }

  /** Answers how many bytes were added. */
  async add(failures: LineFailure[]): Promise<number> {
    if (failures.length === 0) return 0;
    this.tell(failures);
    const text = failures.map((failure) => `${JSON.stringify(failure)}\n`).join('');
    await appendFile(this.file, text);
    return Buffer.byteLength(text);
  }

  tell(failures: LineFailure[]): void {
    for (const { line, code, message } of failures.slice(0, PRINTED - this.printed)) {
      this.printed++;
      this.note(`line ${line}: ${code}: ${message}`);
    }
  }
}
