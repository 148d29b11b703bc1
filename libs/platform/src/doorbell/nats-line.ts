import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { setTimeout as pause } from 'node:timers/promises';
import type { Dial, Line } from './kept-line.js';

const CONNECT_TIMEOUT_MS = 5_000;
const PING_EVERY_MS = 10_000;
const FAREWELL_MS = 500;

/** Core NATS, which keeps nothing: a message without content to whoever listens at that moment. */
export const dialNats =
  (urls: string, channel: string): Dial =>
  async (onHeard) => {
    // Only where it is used, and it is slow to load.
    const { connect } = await import('@nats-io/transport-node');
    const connection = await connect({
      ...parseNatsUrls(urls),
      name: 'commonplace doorbell',
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_EVERY_MS,
      // One's own rings need not go through the server.
      noEcho: true,
      // It is dialled again by whoever keeps the line, as with Postgres.
      reconnect: false,
    });
    const line = new NatsLine(connection, `commonplace.${channel}`);
    try {
      await line.listen(onHeard);
      return line;
    } catch (error) {
      await line.hangUp();
      throw error;
    }
  };

class NatsLine implements Line {
  readonly gone: Promise<Error>;
  private refusal: Error | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly subject: string,
  ) {
    this.gone = connection
      .closed()
      .then((error) => this.refusal ?? error ?? new Error('The connection to NATS has ended.'));
  }

  /** The server has taken the subscription, or refused it, when it has answered what came behind. */
  async listen(onHeard: () => void): Promise<void> {
    void this.watchForRefusals();
    this.connection.subscribe(this.subject, { callback: (error) => (error ? undefined : onHeard()) });
    await answered(this.connection);
    if (this.refusal) throw this.refusal;
  }

  async send(): Promise<void> {
    this.connection.publish(this.subject);
    await answered(this.connection);
  }

  async hangUp(): Promise<void> {
    await within(FAREWELL_MS, this.connection.close()).catch(() => undefined);
  }

  /** A subject that the credentials may not use ends no connection by itself, and would leave a doorbell that nobody hears. */
  private async watchForRefusals(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type !== 'error') continue;
      this.refusal = status.error;
      await this.hangUp();
    }
  }
}

/**
 * The servers of a cluster, separated by commas. The credentials are handed over apart from the addresses, which may stand in
 * messages: `user:password@`, or a token alone.
 */
export function parseNatsUrls(urls: string): ConnectionOptions {
  const parsed = urls.split(',').map((url) => new URL(url.trim()));
  const { username = '', password = '' } = parsed.find((url) => url.username !== '') ?? {};
  const [name, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: parsed.map((url) => url.host),
    ...(parsed.some((url) => url.protocol === 'tls:') ? { tls: {} } : {}),
    ...(secret ? { user: name, pass: secret } : name ? { token: name } : {}),
  };
}

const answered = (connection: NatsConnection) => within(CONNECT_TIMEOUT_MS, connection.flush());

async function within<Result>(ms: number, promise: Promise<Result>): Promise<Result> {
  const late = new AbortController();
  try {
    return await Promise.race([
      promise,
      pause(ms, undefined, { ref: false, signal: late.signal }).then(() => {
        throw new Error('NATS does not answer.');
      }),
    ]);
  } finally {
    late.abort();
  }
}
