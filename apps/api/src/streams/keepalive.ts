import type { WebSocket, WebSocketServer } from 'ws';

const EVERY_MS = 15_000;
/** A client may stop reading for a while, and then go on: it is cut off only when it answers nothing for so many rounds. */
const MISSED_ROUNDS = 6;

/** Pings all sockets in turn, and ends those whose other side is gone. One timer for all of them. */
export class Keepalive {
  private readonly missed = new WeakMap<WebSocket, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly sockets: WebSocketServer) {
    this.timer = setInterval(() => this.round(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private round(): void {
    for (const socket of this.sockets.clients) {
      const missed = this.missed.get(socket);
      if (missed === undefined) socket.on('pong', () => this.missed.set(socket, 0));
      if (missed !== undefined && missed >= MISSED_ROUNDS) socket.terminate();
      else if (socket.readyState === socket.OPEN) {
        this.missed.set(socket, (missed ?? 0) + 1);
        socket.ping();
      }
    }
  }
}
