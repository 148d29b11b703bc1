import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface FleetOptions {
  url: string;
  keys: readonly string[];
  /** How many sockets, with one subscription each; keys take turns. */
  sockets: number;
  /** Of the subscription of the nth. */
  shape: 'same' | 'different';
  /** Where all of them begin. */
  after: string;
  /** Whether contents are times of writing, to tell how long they took. */
  timed?: boolean;
}

export interface FleetReport {
  received: number;
  /** Milliseconds, of every delivery whose content is a time. */
  latencies: number[];
}

/** Subscribers in a process of their own: what they cost must not be taken for what the broker costs. */
export class Fleet {
  private constructor(private readonly child: ChildProcess) {}

  static async open(options: FleetOptions): Promise<Fleet> {
    const child = fork(fileURLToPath(new URL('./fleet-process.js', import.meta.url)), [JSON.stringify(options)]);
    const fleet = new Fleet(child);
    await fleet.answer('ready');
    return fleet;
  }

  /** Waits until so many were received in all. */
  async until(received: number, withinMs = 120_000): Promise<FleetReport> {
    this.child.send({ until: received, withinMs });
    return (await this.answer('report')) as FleetReport;
  }

  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  private async answer(kind: string): Promise<unknown> {
    for (;;) {
      const [message] = (await Promise.race([
        once(this.child, 'message'),
        once(this.child, 'exit').then(() => Promise.reject(new Error('the fleet has ended'))),
      ])) as [{ kind: string; value?: unknown; error?: string }];
      if (message.error) throw new Error(message.error);
      if (message.kind === kind) return message.value;
    }
  }
}
