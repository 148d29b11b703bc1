import type { Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { type ExecutionArgs, type ExecutionResult, type GraphQLError } from 'graphql';
import { CloseCode, makeServer, type Context, type ServerOptions, type SubscribePayload } from 'graphql-ws';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { StreamParts } from './index.js';
import { Keepalive } from './keepalive.js';
import { SocketFeed } from './socket-feed.js';
import { sourceOf } from './source-of.js';
import { asGraphQLError, refusal } from './subscription-operation.js';
import { Window } from './window.js';

const PATH = '/graphql';
const MAX_PAYLOAD = 64 * 1024;
const MAX_OPERATIONS_PER_SOCKET = 20;
/** It stands in every frame. */
const MAX_ID_LENGTH = 128;
const INIT_TIMEOUT_MS = 3_000;
/** Answers that a client asks for and does not read. */
const MAX_UNREAD = 2 * 1024 * 1024;
/** How long a client may take to answer a close: draining waits for it. */
const CLOSE_TIMEOUT_MS = 2_000;
const PROTOCOL = 'graphql-transport-ws';

/** One connection. */
interface Connection {
  socket: WebSocket;
  wire: Duplex;
  authorization: string | undefined;
  address: string;
  principal?: Principal;
  feeds: Set<SocketFeed>;
  window: Window;
}

type SocketContext = Context<Record<string, unknown>, Connection>;

/** An operation on its way through graphql-ws, which hands on nothing else. */
interface SocketOperation extends ExecutionArgs {
  connection: Connection;
  id: string;
}

/**
 * graphql-transport-ws beside Apollo, which has no part in it: so the same rules are asked here, and nothing but
 * subscriptions is taken. graphql-ws speaks the protocol; the events themselves are told by the hub, and go past it.
 */
export function serveWebSockets(server: Server, options: StreamParts): { close: () => Promise<void> } {
  // Not written in place: the types of ws do not know closeTimeout yet.
  const settings = {
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (protocols: Set<string>) => (protocols.has(PROTOCOL) ? PROTOCOL : false),
  } as const;
  const sockets = new WebSocketServer(settings);
  const keepalive = new Keepalive(sockets);
  const protocol = makeServer(protocolOptions(options));

  const accept = (socket: WebSocket, request: IncomingMessage) => {
    options.metrics.sockets.inc();
    socket.on('error', (error) => options.onError(error));
    const feeds = new Set<SocketFeed>();
    const connection: Connection = {
      socket,
      wire: request.socket,
      authorization: request.headers.authorization,
      address: request.socket.remoteAddress ?? '',
      feeds,
      window: new Window(socket, () => resumeInTurn(feeds)),
    };
    const fail = (error: unknown) => {
      options.onError(error);
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) =>
          new Promise(
            (resolve) => void (socket.readyState === socket.OPEN ? socket.send(data, () => resolve()) : resolve()),
          ),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listen) => socket.on('message', (data) => void listen((data as Buffer).toString()).catch(fail)),
      },
      connection,
    );
    for (const event of ['message', 'ping']) socket.on(event, () => endIfDeaf(socket));
    socket.once('close', (code, reason) => {
      options.metrics.sockets.dec();
      // graphql-ws knows one of each id, and forgets those that were completed while they began.
      for (const feed of [...feeds]) void feed.return();
      void closed(code, reason.toString()).catch(options.onError);
    });
  };

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node has taken its own listener off: a client that resets here would end the process.
    socket.on('error', () => socket.destroy());
    if (request.url?.split('?')[0] !== PATH) return refuse(socket, '404 Not Found');
    if (!isAllowedOrigin(request, options.allowedOrigins)) return refuse(socket, '403 Forbidden');
    sockets.handleUpgrade(request, socket, head, accept);
  };
  server.on('upgrade', upgrade);

  return {
    close: async () => {
      server.off('upgrade', upgrade);
      keepalive.stop();
      for (const socket of sockets.clients) socket.close(1012, 'Service restart');
      await new Promise((done) => sockets.close(done));
    },
  };
}

function protocolOptions(options: StreamParts): ServerOptions<Record<string, unknown>, Connection> {
  const { formatError } = options;
  return {
    schema: options.schema,
    connectionInitWaitTimeout: INIT_TIMEOUT_MS,
    onConnect: (context) => connect(context, options),
    onSubscribe: (context, id, payload) => admit(context, id, payload, options),
    subscribe: (args) => subscribe(args as SocketOperation, options),
    onError: (_context, _id, _payload, errors) => errors.map((error) => formatError(asGraphQLError(error))),
    onNext: (_context, _id, _payload, _args, result) =>
      result.errors ? { ...result, errors: result.errors.map((error) => formatError(error)) } : undefined,
  };
}

function endIfDeaf(socket: WebSocket): void {
  if (socket.bufferedAmount > MAX_UNREAD) socket.terminate();
}

/** Whoever was first is last the next time: a busy subscription must not take all the room. */
function resumeInTurn(feeds: Set<SocketFeed>): void {
  const [first] = feeds;
  if (!first) return;
  feeds.delete(first);
  feeds.add(first);
  for (const feed of [...feeds]) feed.resume();
}

async function connect(context: SocketContext, { authentication, counts, onError }: StreamParts): Promise<boolean> {
  const connection = context.extra;
  const { socket } = connection;
  try {
    const authorization = context.connectionParams?.['authorization'] ?? connection.authorization;
    const principal = await authentication.authenticate(authorization, connection.address);
    if (socket.readyState !== socket.OPEN || !counts.enter(principal.id)) return false;
    socket.once('close', () => counts.leave(principal.id));
    connection.principal = principal;
    return true;
  } catch (error) {
    // Only a key that is not taken closes with 4403: clients that hear that do not come back.
    if (!(error instanceof CommonplaceError) || error.code !== 'UNAUTHENTICATED') socket.close(1013, 'Try again later');
    if (!(error instanceof CommonplaceError)) onError(error);
    return false;
  } finally {
    // A secret is not kept for as long as the socket lives.
    connection.authorization = undefined;
    delete (context as { connectionParams?: unknown }).connectionParams;
  }
}

async function admit(
  context: SocketContext,
  id: string,
  payload: SubscribePayload,
  options: StreamParts,
): Promise<ExecutionArgs | GraphQLError[]> {
  const { extra: connection, subscriptions } = context;
  const { principal } = connection;
  try {
    if (principal) await options.authentication.spend(principal);
  } catch (error) {
    return [asGraphQLError(error)];
  }
  if (id.length > MAX_ID_LENGTH) {
    connection.socket.close(CloseCode.BadRequest, 'Invalid id');
    return [refusal('BAD_INPUT', `An id has at most ${MAX_ID_LENGTH} characters.`)];
  }
  if (Math.max(Object.keys(subscriptions).length, connection.feeds.size + 1) > MAX_OPERATIONS_PER_SOCKET) {
    connection.socket.close(CloseCode.TooManyInitialisationRequests, 'Too many operations');
    return [refusal('RATE_LIMITED', `A socket carries at most ${MAX_OPERATIONS_PER_SOCKET} subscriptions at once.`)];
  }
  const args = options.operations.read(payload);
  if (Array.isArray(args)) return args;
  const contextValue = principal && options.contexts.create(principal);
  return Object.assign(args, { contextValue, connection, id } satisfies Partial<SocketOperation>);
}

async function subscribe(
  operation: SocketOperation,
  { feed, shapes }: StreamParts,
): Promise<SocketFeed | ExecutionResult> {
  const source = await sourceOf(operation);
  if ('errors' in source) return source;
  const { connection, id } = operation;
  const { principal, input } = source;
  return new SocketFeed(connection, id, (sink) => feed.join({ principal, input, shape: shapes.of(operation), sink }));
}

/** Browsers send an Origin, and would send it for any page: only our own and the listed ones are let in. */
function isAllowedOrigin(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (!origin) return true;
  if (allowed.includes(origin)) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
