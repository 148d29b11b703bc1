import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';

/** What a client may have unread in the buffers between us: after a change of access it still reads no more than this. */
const MAX_EVENTS = 64;
const MAX_BYTES = 256 * 1024;

interface Mark {
  payload: Buffer;
  events: number;
  bytes: number;
}

/**
 * The window of one socket: a ping at every half of it, and no further than the whole before the pong to it has come. A
 * client that stops reading answers none. (Without it 992 events waited in the buffers of a stalled client.)
 */
export class Window {
  private sent = { events: 0, bytes: 0 };
  private confirmed = { events: 0, bytes: 0 };
  private marked = { events: 0, bytes: 0 };
  private readonly marks: Mark[] = [];

  constructor(
    private readonly socket: WebSocket,
    private readonly onRoom: () => void,
  ) {
    socket.on('pong', (payload) => this.confirm(payload));
  }

  /** Events that may be sent now. */
  room(): number {
    if (this.sent.bytes - this.confirmed.bytes >= MAX_BYTES) return 0;
    return Math.max(0, MAX_EVENTS - (this.sent.events - this.confirmed.events));
  }

  count(bytes: number): void {
    this.sent.events += 1;
    this.sent.bytes += bytes;
    const isHalf =
      this.sent.events - this.marked.events >= MAX_EVENTS / 2 || this.sent.bytes - this.marked.bytes >= MAX_BYTES / 2;
    if (!isHalf) return;
    this.marked = { ...this.sent };
    // Not to be guessed: a client that reads nothing could open its window by answering ahead.
    // (An UUID: Node draws many at once, where eight random bytes are a call of the kernel.)
    const payload = Buffer.from(randomUUID());
    this.marks.push({ payload, ...this.marked });
    this.socket.ping(payload);
  }

  private confirm(payload: Buffer): void {
    const place = this.marks.findIndex((mark) => mark.payload.equals(payload));
    if (place < 0) return;
    const [mark] = this.marks.splice(0, place + 1).slice(-1) as [Mark];
    const wasFull = this.room() <= 0;
    this.confirmed = { events: mark.events, bytes: mark.bytes };
    if (wasFull) this.onRoom();
  }
}
