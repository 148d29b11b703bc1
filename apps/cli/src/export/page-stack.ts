import { open, unlink, type FileHandle } from 'node:fs/promises';

/**
 * Pages of lines that come in newest first and go out oldest first, over a file: an import then writes what belongs together in the order
 * in which it was written. In memory is one page, and one number for each.
 */
export class PageStack {
  private readonly sizes: number[] = [];

  private constructor(private readonly file: FileHandle) {}

  /** The file has no name from the beginning on, so that nothing is left of it however the process ends. */
  static async open(name: string): Promise<PageStack> {
    const file = await open(name, 'wx+', 0o600);
    await unlink(name);
    return new PageStack(file);
  }

  async push(lines: readonly string[]): Promise<void> {
    const page = Buffer.from(
      [...lines]
        .reverse()
        .map((line) => `${line}\n`)
        .join(''),
    );
    await this.file.writeFile(page);
    this.sizes.push(page.length);
  }

  async *drain(): AsyncGenerator<Buffer, void, undefined> {
    let end = this.sizes.reduce((sum, size) => sum + size, 0);
    for (const size of this.sizes.reverse()) {
      end -= size;
      const page = Buffer.alloc(size);
      const { bytesRead } = await this.file.read(page, 0, size, end);
      if (bytesRead !== size) throw new Error(`of ${size} bytes written only ${bytesRead} could be read again`);
      yield page;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
