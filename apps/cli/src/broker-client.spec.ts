import { afterEach, describe, expect, it } from '@jest/globals';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { BrokerClient, describeError } from './broker-client.js';

let servers: Server[] = [];
let sockets: WebSocketServer | undefined;
let calls = 0;

afterEach(async () => {
  sockets?.clients.forEach((socket) => socket.terminate());
  sockets?.close();
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers = [];
});

async function serve(answer: (call: number, response: ServerResponse) => void): Promise<string> {
  calls = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(++calls, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const client = (url: string, deadlineMs = 5_000) =>
  new BrokerClient({ url, key: 'k', backoffMs: 1, attempts: 3, deadlineMs });
const error = (code: string, extra = {}) =>
  JSON.stringify({ errors: [{ message: 'no', extensions: { code, ...extra } }] });
const good = JSON.stringify({ data: { viewer: { name: 'ada' } } });
const QUERY = '{ viewer { name } }';
const MUTATION = 'mutation { forget(id: "1") { id } }';

describe('the broker client over HTTP', () => {
  it('answers the data', async () => {
    const url = await serve((_, response) => response.end(good));
    expect(await client(url).request(QUERY)).toEqual({ viewer: { name: 'ada' } });
  });

  it('keeps code and message of a failure, and does not repeat what will not change', async () => {
    const url = await serve((_, response) => response.end(error('FORBIDDEN')));
    const failure = await client(url)
      .request(QUERY)
      .catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ name: 'BrokerError', code: 'FORBIDDEN', message: 'no' });
    expect(describeError(failure)).toBe('FORBIDDEN: no');
    expect(calls).toBe(1);
  });

  it('repeats after RATE_LIMITED, mutations too, but not for ever', async () => {
    const url = await serve((call, response) =>
      response.end(call < 3 ? error('RATE_LIMITED', { retryAfterMs: 5 }) : good),
    );
    expect(await client(url).request(MUTATION)).toEqual({ viewer: { name: 'ada' } });
    const busy = await serve((_, response) => response.end(error('RATE_LIMITED')));
    await expect(client(busy).request(MUTATION)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(calls).toBe(3);
  });

  it.each([
    ['a lost request', 'CONNECTION_LOST', (response: ServerResponse) => response.destroy()],
    ['UNAVAILABLE', 'UNAVAILABLE', (response: ServerResponse) => response.end(error('UNAVAILABLE'))],
  ])('repeats %s only where that is harmless: a mutation may have been done', async (_, code, answer) => {
    const url = await serve((_, response) => void answer(response));
    await expect(client(url).request(MUTATION)).rejects.toMatchObject({ code });
    expect(calls).toBe(1);
    await expect(client(url).request(MUTATION, {}, { repeatable: true })).rejects.toMatchObject({ code });
    expect(calls).toBe(4);
    await expect(client(url).request(QUERY)).rejects.toMatchObject({ code });
    expect(calls).toBe(7);
  });

  it('gives up an attempt at its deadline', async () => {
    const url = await serve(() => undefined);
    await expect(client(url, 50).request(MUTATION)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('tries again where nothing listens yet, and says so in the end', async () => {
    const url = await serve((_, response) => response.end(good));
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const retries: string[] = [];
    const patient = new BrokerClient({
      url,
      key: 'k',
      backoffMs: 1,
      attempts: 3,
      onRetry: ({ code }) => retries.push(code),
    });
    await expect(patient.request(MUTATION)).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' });
    expect(retries).toEqual(['CONNECTION_REFUSED', 'CONNECTION_REFUSED']);
  });

  it('reads what a proxy answers', async () => {
    const url = await serve((call, response) => {
      response.statusCode = call === 1 ? 503 : 413;
      response.end('<html>');
    });
    await expect(client(url).request(QUERY)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(calls).toBe(2);
  });
});

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('the broker client over a WebSocket', () => {
  const schema = buildSchema('type Query { a: Int } type Subscription { count: Int! broken: Int! }');

  async function serveSubscriptions(): Promise<string> {
    const url = await serve((_, response) => response.end());
    async function* count() {
      for (let n = 1; n <= 3; n++) yield { count: n };
    }
    const broken = () => {
      throw Object.assign(new Error('gone'), { extensions: { code: 'ACCESS_REVOKED' } });
    };
    sockets = new WebSocketServer({ server: servers[0], path: '/graphql' });
    useServer(
      {
        schema,
        roots: { subscription: { count, broken } },
        onConnect: ({ connectionParams }) => connectionParams?.authorization === 'Bearer k',
      },
      sockets,
    );
    return url;
  }

  it('gives its key and yields what comes', async () => {
    const broker = client(await serveSubscriptions());
    const seen = await all(broker.subscribe<{ count: number }>('subscription { count }'));
    await broker.close();
    expect(seen.map(({ count }) => count)).toEqual([1, 2, 3]);
  });

  it('ends with the code of the operation, and with UNAUTHENTICATED for a key that is refused', async () => {
    const broker = client(await serveSubscriptions());
    await expect(all(broker.subscribe('subscription { broken }'))).rejects.toMatchObject({
      code: 'ACCESS_REVOKED',
    });
    await broker.close();
    const stranger = broker.as('other');
    await expect(all(stranger.subscribe('subscription { count }'))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await stranger.close();
  });
});
