import { Child } from './child.js';
import type { WriterOptions } from './writer-process.js';

export interface FleetOptions {
  url: string;
  keys: readonly string[];
  /** How many sockets, with one subscription each; keys take turns. */
  sockets: number;
  /** Whether all subscriptions are of one text, or each of one of its own. */
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
  /** Of the same: when it was written and when received, in microseconds of the clock that all processes share. */
  arrivals: [number, number][];
}

/** Subscribers. */
export class Fleet {
  private constructor(private readonly child: Child) {}

  static async open(options: FleetOptions): Promise<Fleet> {
    const child = new Child('./fleet-process.js', options);
    await child.answer('ready');
    return new Fleet(child);
  }

  /** Waits until so many were received since the last report. */
  async until(received: number, withinMs = 60_000): Promise<FleetReport> {
    this.child.send({ until: received, withinMs });
    return (await this.child.answer('report')) as FleetReport;
  }

  /** All of them stop reading. */
  pause(): void {
    this.child.send({ reading: false });
  }

  resume(): void {
    this.child.send({ reading: true });
  }

  /** All of them go away. */
  async leave(): Promise<void> {
    this.child.send({ attending: false });
    await this.child.answer('left');
  }

  /** They come back, to hear what is new from then on. */
  async enter(): Promise<void> {
    this.child.send({ attending: true });
    await this.child.answer('ready');
  }

  close(): Promise<void> {
    return this.child.close();
  }
}

export interface Written {
  written: number;
  /** Milliseconds from the beginning of each write to its acknowledgement. */
  times: number[];
  /** When each was acknowledged, in milliseconds of the clock. */
  acknowledged: number[];
}

/** Single writes, one after another of each writer, or at a pace. */
export async function write(options: WriterOptions): Promise<Written> {
  const child = new Child('./writer-process.js', options);
  try {
    return (await child.answer('written')) as Written;
  } finally {
    await child.close();
  }
}
