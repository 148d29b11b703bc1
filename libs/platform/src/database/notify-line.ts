import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Dial, Line } from '../doorbell/kept-line.js';

const ANSWER_TIMEOUT_MS = 10_000;
const FAREWELL_MS = 500;
const PROBE_AFTER_MS = 10_000;

/**
 * LISTEN and NOTIFY on a connection of its own. Never in a transaction that writes: NOTIFY takes a lock of the whole server at
 * commit, and cost four fifths of the writes.
 */
export const dialPostgres =
  (url: string, channel: string): Dial =>
  async (onHeard, signal) => {
    const socket = new net.Socket();
    const client = new pg.Client({
      connectionString: url,
      application_name: 'commonplace doorbell',
      connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: PROBE_AFTER_MS,
      stream: () => socket,
    });
    const gone = goneOf(client);
    const drop = () => socket.destroy();
    signal.addEventListener('abort', drop, { once: true });
    try {
      await client.connect();
      await listen(client, channel, onHeard);
      return new NotifyLine(client, socket, channel, gone);
    } catch (error) {
      drop();
      throw error;
    } finally {
      signal.removeEventListener('abort', drop);
    }
  };

class NotifyLine implements Line {
  constructor(
    private readonly client: pg.Client,
    private readonly socket: net.Socket,
    private readonly channel: string,
    readonly gone: Promise<Error>,
  ) {}

  async send(): Promise<void> {
    await this.client.query(`select pg_notify($1, '')`, [this.channel]);
  }

  async hangUp(): Promise<void> {
    await Promise.race([this.client.end().catch(() => undefined), pause(FAREWELL_MS, undefined, { ref: false })]);
    this.socket.destroy();
  }
}

async function listen(client: pg.Client, channel: string, onHeard: () => void): Promise<void> {
  // Asked for, because a pooler's idea of the process is not the one that notifications carry.
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  client.on('notification', ({ processId }) => {
    if (processId !== rows[0]?.pid) onHeard();
  });
  await client.query(`listen ${client.escapeIdentifier(channel)}`);
}

function goneOf(client: pg.Client): Promise<Error> {
  return new Promise((resolve) => {
    client.on('error', resolve);
    client.on('end', () => resolve(new Error('The connection that listens for other brokers has ended.')));
  });
}
