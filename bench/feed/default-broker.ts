import 'reflect-metadata';
import { readConfig } from '#platform';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { useServer } from 'graphql-ws/use/ws';
import type { Server } from 'node:http';
import { WebSocketServer } from 'ws';
import { ApiModule } from '../../apps/api/src/api.module.js';
import { Authentication } from '../../apps/api/src/auth/authentication.js';
import { openBroker } from '../../apps/api/src/broker.js';
import { ContextFactory } from '../../apps/api/src/graphql/context.js';
import { Lifecycle } from '../../apps/api/src/health/lifecycle.js';
import { Metrics } from '../../apps/api/src/telemetry/metrics.js';

/**
 * The same broker with WebSockets as graphql-ws serves them when nothing is said: each subscription is an execution of its
 * own, and so is each of its results.
 */
const config = readConfig();
const broker = await openBroker({ config, onError: () => undefined });
const authentication = new Authentication(broker.credentials, 0);
const contexts = new ContextFactory(broker.directory, broker.memories);
const parts = {
  broker,
  authentication,
  contexts,
  metrics: new Metrics(),
  lifecycle: new Lifecycle(),
  report: () => undefined,
};
const app = await NestFactory.create<NestFastifyApplication>(ApiModule.of(parts), new FastifyAdapter(), {
  logger: false,
});
await app.listen(config.http.port, config.http.host);
useServer<{ authorization: string }>(
  {
    schema: app.get(GraphQLSchemaHost).schema,
    context: async ({ connectionParams }) =>
      contexts.create(await authentication.authenticate(connectionParams?.authorization, '')),
  },
  new WebSocketServer({ server: app.getHttpServer() as Server, path: '/graphql', perMessageDeflate: false }),
);
console.error(`ready on ${await app.getUrl()}`);
