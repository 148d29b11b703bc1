import { CommonplaceError } from '#kernel';
import { GraphQLError, parse, validate, specifiedRules, Kind, type ExecutionArgs, type GraphQLSchema } from 'graphql';
import { CloseCode, type Context, type SubscribePayload } from 'graphql-ws';
import { useServer, type Extra } from 'graphql-ws/use/ws';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Authentication } from '../auth/authentication.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { ContextFactory, RequestContext } from './context.js';
import { QUERY_LIMITS, queryLimits } from './query-limits.js';

const PATH = '/graphql';
const MAX_PAYLOAD = 64 * 1024;
const MAX_SOCKETS_PER_PRINCIPAL = 50;
const MAX_OPERATIONS_PER_SOCKET = 20;
const INIT_TIMEOUT_MS = 3_000;
/** How long a client may take to answer a close: draining waits for it. */
const CLOSE_TIMEOUT_MS = 2_000;
const PROTOCOL = 'graphql-transport-ws';
const RULES = [...specifiedRules, queryLimits];

export interface WebSocketOptions {
  server: Server;
  schema: GraphQLSchema;
  authentication: Authentication;
  contexts: ContextFactory;
  metrics: Metrics;
  allowedOrigins: readonly string[];
  formatError: (error: GraphQLError) => GraphQLError;
}

type SocketContext = Context<Record<string, unknown>, Extra & { request: IncomingMessage; caller?: RequestContext }>;

/**
 * graphql-transport-ws beside Apollo, which has no part in it: so the same rules are asked here, and nothing but
 * subscriptions is taken.
 */
export function serveWebSockets(options: WebSocketOptions): { close: () => Promise<void> } {
  // Not written in place: the types of ws do not know closeTimeout yet.
  const server = {
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (protocols: Set<string>) => (protocols.has(PROTOCOL) ? PROTOCOL : false),
  } as const;
  const sockets = new WebSocketServer(server);
  const perPrincipal = new Map<string, number>();

  const graphql = useServer<Record<string, unknown>, { caller?: RequestContext }>(
    {
      schema: options.schema,
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      context: (context) => (context as SocketContext).extra.caller,
      onConnect: (context) => connect(context as SocketContext, options, perPrincipal),
      onSubscribe: (context, _id, payload) => accept(context as SocketContext, payload, options),
      onError: (_context, _id, _payload, errors) => errors.map((error) => options.formatError(asGraphQLError(error))),
      onNext: (_context, _id, _payload, _args, result) =>
        result.errors ? { ...result, errors: result.errors.map((error) => options.formatError(error)) } : undefined,
    },
    sockets,
  );

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node has taken its own listener off: a client that resets here would end the process.
    socket.on('error', () => socket.destroy());
    if (request.url?.split('?')[0] !== PATH) return refuse(socket, '404 Not Found');
    if (!isAllowedOrigin(request, options.allowedOrigins)) return refuse(socket, '403 Forbidden');
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      options.metrics.sockets.inc();
      webSocket.on('close', () => options.metrics.sockets.dec());
      sockets.emit('connection', webSocket, request);
    });
  };
  options.server.on('upgrade', upgrade);

  return {
    close: async () => {
      options.server.off('upgrade', upgrade);
      for (const socket of sockets.clients) socket.close(1012, 'Service restart');
      await graphql.dispose();
    },
  };
}

async function connect(
  context: SocketContext,
  { authentication, contexts }: WebSocketOptions,
  perPrincipal: Map<string, number>,
): Promise<boolean> {
  try {
    const principal = await authentication.authenticate(
      context.connectionParams?.['authorization'] ?? context.extra.request.headers.authorization,
      context.extra.request.socket.remoteAddress ?? '',
    );
    const { socket } = context.extra;
    const open = perPrincipal.get(principal.id) ?? 0;
    if (open >= MAX_SOCKETS_PER_PRINCIPAL || socket.readyState !== socket.OPEN) return false;
    perPrincipal.set(principal.id, open + 1);
    socket.once('close', () => leave(principal.id, perPrincipal));
    context.extra.caller = contexts.create(principal);
    return true;
  } catch (error) {
    if (error instanceof CommonplaceError && error.code === 'UNAVAILABLE')
      context.extra.socket.close(1013, 'Try again later');
    return false; // Closes with 4403.
  }
}

function leave(id: string, perPrincipal: Map<string, number>): void {
  const rest = (perPrincipal.get(id) ?? 1) - 1;
  if (rest > 0) perPrincipal.set(id, rest);
  else perPrincipal.delete(id);
}

/** What Apollo does for HTTP: parse within bounds, validate with the limits, and refuse what is no subscription. */
async function accept(
  context: SocketContext,
  payload: SubscribePayload,
  options: WebSocketOptions,
): Promise<ExecutionArgs | GraphQLError[]> {
  try {
    if (context.extra.caller) await options.authentication.spend(context.extra.caller.principal);
  } catch (error) {
    return [asGraphQLError(error)];
  }
  if (Object.keys(context.subscriptions).length > MAX_OPERATIONS_PER_SOCKET) {
    context.extra.socket.close(CloseCode.TooManyInitialisationRequests, 'Too many operations');
    return [refusal('RATE_LIMITED', `A socket carries at most ${MAX_OPERATIONS_PER_SOCKET} subscriptions at once.`)];
  }
  let document;
  try {
    document = parse(payload.query, { maxTokens: QUERY_LIMITS.tokens });
  } catch (error) {
    return [withCode(asGraphQLError(error), 'GRAPHQL_PARSE_FAILED')];
  }
  const errors = validate(options.schema, document, RULES);
  if (errors.length) return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const operation = operations.find((one) => !payload.operationName || one.name?.value === payload.operationName);
  if (!operation || operation.operation !== 'subscription') {
    return [
      refusal('BAD_INPUT', 'Only subscriptions are taken over the WebSocket; send queries and mutations by HTTP POST.'),
    ];
  }
  return {
    schema: options.schema,
    document,
    operationName: payload.operationName,
    variableValues: payload.variables,
    contextValue: context.extra.caller,
  };
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

function refusal(code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

function withCode(error: GraphQLError, code: string): GraphQLError {
  if (error.extensions['code']) return error;
  return new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    originalError: error.originalError,
    extensions: { code },
  });
}

function asGraphQLError(error: unknown): GraphQLError {
  return error instanceof GraphQLError ? error : new GraphQLError('', { originalError: error as Error });
}
