import type { Client } from 'graphql-ws';
import type { TestClient } from './api.js';

export interface FeedEvent {
  id: string;
  kind: string;
  cursor: string;
  memoryId: string | null;
  poolKey: string | null;
  policyVersion: number;
  memory: { id: string; content: string | null; status: string; maskedFields: string[]; pool: { key: string } } | null;
}

export interface FeedFailure {
  message: string;
  extensions: { code: string; field?: string };
}

const MEMORY = 'id content status maskedFields pool { key }';
const memoryFeed = (memory: string) => `subscription ($input: FeedInput) { memoryFeed(input: $input) {
  id kind cursor memoryId poolKey policyVersion memory { ${memory} }
} }`;

/** One subscription to memoryFeed, and all that came of it. */
export class FeedReader {
  readonly events: FeedEvent[] = [];
  readonly failures: FeedFailure[] = [];
  ended = false;
  private readonly waiting = new Set<() => void>();
  private readonly unsubscribe: () => void;

  private constructor(
    readonly socket: Client,
    input: Record<string, unknown>,
    memory: string,
  ) {
    this.unsubscribe = socket.subscribe<{ memoryFeed: FeedEvent }>(
      { query: memoryFeed(memory), variables: { input } },
      {
        next: ({ data, errors }) => {
          if (data) this.events.push(data.memoryFeed);
          if (errors) this.failures.push(...(errors as unknown as FeedFailure[]));
          this.wake();
        },
        error: (error) => {
          if (Array.isArray(error)) this.failures.push(...(error as FeedFailure[]));
          this.end();
        },
        complete: () => this.end(),
      },
    );
  }

  /** @param memory what is asked of each memory */
  static open(
    client: TestClient,
    input: Record<string, unknown> = {},
    socket = client.socket(),
    memory = MEMORY,
  ): FeedReader {
    return new FeedReader(socket, input, memory);
  }

  /** From this moment on: what is written after the promise is kept comes. */
  static async fromNow(client: TestClient, input: Record<string, unknown> = {}): Promise<FeedReader> {
    const { feedCursor } = await client.ask<{ feedCursor: string }>('{ feedCursor }');
    return FeedReader.open(client, { ...input, after: feedCursor });
  }

  /** All events up to the first that is meant. Rejects where the subscription ends before. */
  async until(isMeant: (event: FeedEvent) => boolean): Promise<FeedEvent[]> {
    for (;;) {
      const place = this.events.findIndex(isMeant);
      if (place >= 0) return this.events.slice(0, place + 1);
      if (this.ended) throw new Error(`the feed ended before: ${JSON.stringify(this.failures)}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** The failure that ended it, once it has ended. */
  async failure(): Promise<FeedFailure | undefined> {
    while (!this.ended) await new Promise<void>((resolve) => this.waiting.add(resolve));
    return this.failures[0];
  }

  /** Ends this subscription; the socket goes on for others. */
  stop(): void {
    this.unsubscribe();
  }

  async close(): Promise<void> {
    this.unsubscribe();
    await this.socket.dispose();
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
