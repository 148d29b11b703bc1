import type { FeedEvent, FeedService } from '#feed';
import type { FastifyInstance } from 'fastify';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import type { Authentication } from '../auth/authentication.js';
import type { ContextFactory } from '../graphql/context.js';
import type { MemoryEventModel } from '../graphql/memory.model.js';
import type { Metrics } from '../telemetry/metrics.js';
import { serveEventStreams } from './event-stream.js';
import { Shapes } from './shapes.js';
import { StreamCounts } from './stream-counts.js';
import { SubscriptionOperations } from './subscription-operation.js';
import { serveWebSockets } from './websocket.js';

export interface StreamsOptions {
  schema: GraphQLSchema;
  authentication: Authentication;
  contexts: ContextFactory;
  metrics: Metrics;
  feed: FeedService;
  present: (event: FeedEvent) => Promise<MemoryEventModel>;
  allowedOrigins: readonly string[];
  /** What a client sees of a failure; it is logged on the way. */
  formatError: (error: GraphQLError) => GraphQLError;
  onError: (error: unknown) => void;
}

/** The feed over WebSockets and as event streams, with one set of rules, and what is told made once for both. */
export function serveStreams(fastify: FastifyInstance, options: StreamsOptions): { close: () => Promise<void> } {
  const parts = {
    ...options,
    operations: new SubscriptionOperations(options.schema),
    shapes: new Shapes(options),
    counts: new StreamCounts(),
  };
  const sockets = serveWebSockets(fastify.server, parts);
  const eventStreams = serveEventStreams(fastify, parts);
  return {
    close: async () => {
      eventStreams.close();
      await sockets.close();
    },
  };
}

export type StreamParts = StreamsOptions & {
  operations: SubscriptionOperations;
  shapes: Shapes;
  counts: StreamCounts;
};
