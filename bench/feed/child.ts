import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Message {
  kind: string;
  value?: unknown;
  error?: string;
}

/** A process of the benchmark's own: what its work costs must not be taken for what the broker costs. */
export class Child {
  private readonly process: ChildProcess;
  private readonly exited: Promise<never>;

  constructor(file: string, options: object) {
    this.process = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)]);
    this.exited = once(this.process, 'exit').then(() => Promise.reject(new Error(`${file} has ended`)));
    this.exited.catch(() => undefined);
  }

  send(message: object): void {
    this.process.send(message);
  }

  /** Its next message of the kind. */
  async answer(kind: string): Promise<unknown> {
    for (;;) {
      const message = await Promise.race([this.next(), this.exited]);
      if (message.error) throw new Error(message.error);
      if (message.kind === kind) return message.value;
    }
  }

  async close(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited.catch(() => undefined);
  }

  private next(): Promise<Message> {
    return new Promise((resolve) => this.process.once('message', (message) => resolve(message as Message)));
  }
}
