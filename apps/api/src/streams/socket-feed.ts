import type { Sink, Subscription, Telling } from '#feed';
import type { CommonplaceError } from '#kernel';
import { CloseCode } from 'graphql-ws';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Window } from './window.js';

interface Carrier {
  socket: WebSocket;
  /** What carries the frames. */
  wire: Duplex;
  window: Window;
  feeds: Set<SocketFeed>;
}

/**
 * One subscription on a socket. To graphql-ws it is an iterable that yields nothing and ends, or throws what ended it; the
 * frames in between are written here, around words that were made once for all who are told the same.
 */
export class SocketFeed implements AsyncIterableIterator<never>, Sink<string> {
  private readonly head: string;
  private subscription: Subscription | undefined;
  private ended = false;
  private finish: (() => void) | undefined;
  private reason: CommonplaceError | undefined;

  constructor(
    private readonly carrier: Carrier,
    id: string,
    private readonly join: (sink: Sink<string>) => Promise<Subscription>,
  ) {
    this.head = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  }

  /** Joins, and waits for the end. */
  async next(): Promise<IteratorResult<never>> {
    if (!this.ended) {
      this.carrier.feeds.add(this);
      this.subscription = await this.join(this).catch((error: unknown) => {
        this.carrier.feeds.delete(this);
        throw error;
      });
      // Left while it was joining.
      if (this.isOver()) this.subscription.leave();
      else await new Promise<void>((resolve) => (this.finish = resolve));
    }
    this.carrier.feeds.delete(this);
    if (this.reason) throw this.reason;
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<never>> {
    this.conclude();
    this.subscription?.leave();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  resume(): void {
    this.subscription?.resume();
  }

  room(): number {
    const { socket, window } = this.carrier;
    return socket.readyState === socket.OPEN ? window.room() : 0;
  }

  send(tellings: readonly Telling<string>[], from: number): number {
    const { socket, wire, window } = this.carrier;
    let place = from;
    // All that there is in one write to the kernel, and not one for each frame.
    wire.cork();
    try {
      for (; place < tellings.length && window.room() > 0; place++) {
        const frame = `${this.head}${(tellings[place] as Telling<string>).told}}`;
        socket.send(frame);
        window.count(frame.length);
      }
    } finally {
      wire.uncork();
    }
    return place;
  }

  end(reason: CommonplaceError): void {
    // Expired: not the operation but the connection may go on no longer.
    if (reason.code === 'UNAUTHENTICATED') this.carrier.socket.close(CloseCode.Forbidden, reason.message);
    else this.reason = reason;
    this.conclude();
  }

  private isOver(): boolean {
    return this.ended;
  }

  private conclude(): void {
    this.ended = true;
    this.finish?.();
  }
}
