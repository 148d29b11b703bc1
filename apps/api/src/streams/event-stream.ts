import type { Sink, Subscription, Telling } from '#feed';
import { badInput, CommonplaceError } from '#kernel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLError } from 'graphql';
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { httpStatus } from '../graphql/errors.js';
import type { StreamParts } from './index.js';
import { sourceOf } from './source-of.js';
import { asGraphQLError, type OperationRequest } from './subscription-operation.js';

const PATH = '/graphql/stream';
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies that gather an answer before they pass it on would hold back every event.
  'x-accel-buffering': 'no',
};
/** Sent at once, before the first is known to have left; the rest is held by the connection, which says when it takes more. */
const MAX_EVENTS = 64;
const MAX_BYTES = 64 * 1024;

const request = z.object({
  query: z.string().max(100_000),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The subscription of the WebSocket as text/event-stream, for clients behind proxies that know HTTP alone: the distinct
 * connections mode of GraphQL over SSE, with the cursor as the id of each event.
 */
export function serveEventStreams(fastify: FastifyInstance, options: StreamParts): { close: () => void } {
  const streams = new Streams();
  const handle = async (incoming: FastifyRequest, reply: FastifyReply): Promise<void> => {
    try {
      await open(incoming, reply, options, streams);
    } catch (error) {
      const told = options.formatError(asGraphQLError(error));
      const status = error instanceof CommonplaceError ? httpStatus(error.code) : statusOf(told);
      await reply.code(status).send({ errors: [told] });
    }
  };
  fastify.get(PATH, handle);
  fastify.post(PATH, handle);
  return {
    close: () => streams.close(),
  };
}

async function open(
  incoming: FastifyRequest,
  reply: FastifyReply,
  options: StreamParts,
  streams: Streams,
): Promise<void> {
  const { authentication, contexts, operations, shapes, counts, feed } = options;
  const principal = await authentication.authenticate(incoming.headers.authorization, incoming.ip);
  const args = operations.read(operationOf(incoming));
  if (Array.isArray(args)) throw args[0] as GraphQLError;
  const source = await sourceOf({ ...args, contextValue: contexts.create(principal) });
  if ('errors' in source) throw source.errors[0] as GraphQLError;
  // Gone while it was let in: its close has been, and would give nothing back.
  if (reply.raw.destroyed) return void reply.hijack();
  if (!counts.enter(principal.id))
    throw new CommonplaceError('QUOTA_EXCEEDED', 'You have as many streams open as one principal may have.');
  const after = incoming.headers['last-event-id'];
  const input = typeof after === 'string' && after !== '' ? { ...source.input, after } : source.input;
  const stream = new EventStream(reply.raw, (error) => options.formatError(asGraphQLError(error)));
  reply.raw.once('close', () => {
    counts.leave(principal.id);
    streams.delete(stream);
  });
  // Until it has joined, a refusal is still an answer of its own.
  await stream.join((sink) => feed.join({ principal, input, shape: shapes.of(args), sink }));
  reply.hijack();
  stream.start();
  streams.add(stream);
}

/** Those that are open; one that opens while the broker closes is cut at once. */
class Streams {
  private readonly open = new Set<EventStream>();
  private closed = false;

  add(stream: EventStream): void {
    this.open.add(stream);
    if (this.closed) stream.cut();
  }

  delete(stream: EventStream): void {
    this.open.delete(stream);
  }

  close(): void {
    this.closed = true;
    for (const stream of this.open) stream.cut();
  }
}

/** @throws BAD_INPUT */
function operationOf({ method, query, body }: FastifyRequest): OperationRequest {
  const given = method === 'GET' ? fromQuery(query as Record<string, unknown>) : body;
  const parsed = request.safeParse(given);
  if (!parsed.success)
    throw badInput(
      parsed.error.issues[0]?.path.join('.') || 'body',
      'must be a GraphQL request: query, operationName, variables',
    );
  return parsed.data;
}

function fromQuery({ variables, ...rest }: Record<string, unknown>): unknown {
  if (typeof variables !== 'string') return rest;
  try {
    return { ...rest, variables: JSON.parse(variables) as unknown };
  } catch {
    throw badInput('variables', 'is not JSON');
  }
}

function statusOf({ extensions }: GraphQLError): number {
  return String(extensions['code']).startsWith('GRAPHQL_') || extensions['code'] === 'BAD_INPUT' ? 400 : 500;
}

class EventStream implements Sink<string> {
  private subscription: Subscription | undefined;
  private waiting = true;
  private over = false;
  private early: CommonplaceError | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly format: (error: CommonplaceError) => GraphQLError,
  ) {
    response.on('drain', () => this.takeMore());
    response.on('close', () => this.leave());
    // A write to a client that has just gone; the close says the rest.
    response.on('error', () => this.leave());
  }

  async join(join: (sink: Sink<string>) => Promise<Subscription>): Promise<void> {
    this.subscription = await join(this);
    if (this.over) this.subscription.leave();
  }

  start(): void {
    if (this.response.destroyed) return this.leave();
    this.response.writeHead(200, HEADERS);
    // Something to read at once: the client knows that it is connected.
    this.response.write(':\n\n');
    this.waiting = false;
    if (this.early) this.end(this.early);
    else this.subscription?.resume();
  }

  room(): number {
    return this.waiting || this.over || this.response.writableLength > MAX_BYTES ? 0 : MAX_EVENTS;
  }

  send(tellings: readonly Telling<string>[], from: number): number {
    let text = '';
    let place = from;
    for (; place < tellings.length && place < from + MAX_EVENTS && text.length < MAX_BYTES; place++) {
      const { told, cursor } = tellings[place] as Telling<string>;
      text += `id: ${cursor}\nevent: next\ndata: ${told}\n\n`;
    }
    this.waiting = !this.response.write(text);
    return place;
  }

  end(reason: CommonplaceError): void {
    if (!this.response.headersSent) {
      this.early = reason;
      return;
    }
    const told = JSON.stringify({ errors: [this.format(reason)] });
    this.response.end(`event: next\ndata: ${told}\n\nevent: complete\ndata:\n\n`);
    this.leave();
  }

  /** Without a last word, so that the client comes back, elsewhere, with its cursor. */
  cut(): void {
    this.response.end();
    this.leave();
  }

  private takeMore(): void {
    this.waiting = false;
    this.subscription?.resume();
  }

  private leave(): void {
    this.over = true;
    this.subscription?.leave();
  }
}
