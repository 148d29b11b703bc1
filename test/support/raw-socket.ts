import { once } from 'node:events';
import WebSocket, { type ClientOptions } from 'ws';

export interface Frame {
  type: string;
  id?: string;
  payload?: unknown;
}

/** A WebSocket without a library of the protocol above it: what is sent is sent as it is. */
export class RawSocket {
  readonly frames: Frame[] = [];
  /** Code and reason of the close. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private read = 0;
  private wake: () => void = () => undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString()) as Frame);
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.wake();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** Rejects with the HTTP status where the upgrade is refused. */
  static async open(
    apiUrl: string,
    options: ClientOptions & { path?: string; protocols?: string[] } = {},
  ): Promise<RawSocket> {
    const { path = '/graphql', protocols = ['graphql-transport-ws'], ...rest } = options;
    const socket = new WebSocket(`${apiUrl.replace('http', 'ws')}${path}`, protocols, rest);
    const raw = new RawSocket(socket);
    await once(socket, 'open');
    return raw;
  }

  /** Open, and known to the broker. */
  static async begin(apiUrl: string, key: string): Promise<RawSocket> {
    const raw = await RawSocket.open(apiUrl);
    raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } });
    const ack = await raw.next();
    if (ack.type !== 'connection_ack') throw new Error(`expected an ack, not ${JSON.stringify(ack)}`);
    return raw;
  }

  /** An object as JSON, anything else as it is. */
  send(frame: Frame | string | Buffer): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  subscribe(id: string, query: string, rest: Record<string, unknown> = {}): void {
    this.send({ id, type: 'subscribe', payload: { query, ...rest } });
  }

  /** The next frame that has not been read. */
  async next(): Promise<Frame> {
    while (this.read >= this.frames.length) {
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('the socket was closed');
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.frames[this.read++] as Frame;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
