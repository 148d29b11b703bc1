import 'reflect-metadata';
import type { Config } from '#platform';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { GraphQLError } from 'graphql';
import type { Server } from 'node:http';
import type { Logger } from 'pino';
import { ApiModule } from './api.module.js';
import { Authentication } from './auth/authentication.js';
import type { Broker } from './broker.js';
import { ContextFactory } from './graphql/context.js';
import { formatError, type ReportError } from './graphql/errors.js';
import { Presenter } from './graphql/presenter.js';
import { Lifecycle } from './health/lifecycle.js';
import { serveMcp } from './mcp/index.js';
import { serveStreams } from './streams/index.js';
import { Metrics } from './telemetry/metrics.js';
import { NestLogger } from './telemetry/logger.js';

const BODY_LIMIT = 2 * 1024 * 1024;
/** How long a request may take to end once the process is told to stop; a client that never ends its own must not hold it up. */
const CUT_OFF_AFTER_MS = 6_000;

export interface RunningApi {
  url: string;
  broker: Broker;
  /** Says at /readyz for `noticeMs` that it goes, so that a balancer sends nothing more; then takes no new work, tells the sockets to go elsewhere, lets what is under way end, and closes the database. */
  close: (noticeMs?: number) => Promise<void>;
}

/** Serves a broker. @throws EADDRINUSE when the port is taken; the broker is then still the caller's to close. */
export async function listen(config: Config, logger: Logger, broker: Broker): Promise<RunningApi> {
  const metrics = new Metrics(
    () => broker.feed.subscribers,
    async () => (await broker.filler?.progress()) ?? null,
  );
  const lifecycle = new Lifecycle();
  const authentication = new Authentication(broker.credentials, config.http.ratePerMinute);
  const contexts = new ContextFactory(broker.directory, broker.memories);
  const report: ReportError = (code, error, reference) => {
    metrics.failures.inc({ code });
    if (error) logger.error({ err: error, reference }, 'a request failed');
  };

  // Keys such as __proto__ are left for whatever takes a JSONObject to refuse: it names the field. Nothing copies a body before.
  const poisoning = { onProtoPoisoning: 'ignore', onConstructorPoisoning: 'ignore' } as const;
  const adapter = new FastifyAdapter({ bodyLimit: BODY_LIMIT, forceCloseConnections: 'idle', ...poisoning });
  const module = ApiModule.of({ broker, authentication, contexts, metrics, lifecycle, report });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    logger.debug({ method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime }, 'request');
    done();
  });
  // Kept alive, the connections of what is under way at the end would outlive it by minutes.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (lifecycle.draining) reply.header('connection', 'close');
    done();
  });
  // Pages of the listed origins use the API as those of the broker itself do; a key is in a header, never in a cookie.
  if (config.http.allowedOrigins.length > 0)
    app.enableCors({ origin: config.http.allowedOrigins, exposedHeaders: ['www-authenticate'], maxAge: 600 });
  await app.init();
  const streams = serveStreams(fastify, {
    schema: app.get(GraphQLSchemaHost).schema,
    authentication,
    contexts,
    metrics,
    feed: broker.feed,
    present: (event) => app.get(Presenter).event(event),
    allowedOrigins: config.http.allowedOrigins,
    formatError: (error) => asError(formatError(error.toJSON(), error, report)),
    onError: (error) => logger.warn({ err: error }, 'a stream failed'),
  });
  const mcp = serveMcp(fastify, {
    broker,
    authentication,
    allowedOrigins: config.http.allowedOrigins,
    publicUrl: config.http.publicUrl,
    issuer: config.jwt?.issuer,
    bodyLimit: BODY_LIMIT,
    report,
  });
  await app.listen(config.http.port, config.http.host);
  return {
    url: (await app.getUrl()).replace('[::1]', '127.0.0.1'),
    broker,
    close: async (noticeMs = 0) => {
      lifecycle.draining = true;
      await new Promise((done) => setTimeout(done, noticeMs));
      await streams.close();
      const cutOff = setTimeout(() => (app.getHttpServer() as Server).closeAllConnections(), CUT_OFF_AFTER_MS);
      await app.close();
      await mcp.close();
      clearTimeout(cutOff);
      await broker.close();
    },
  };
}

function asError({ message, extensions, path }: ReturnType<typeof formatError>): GraphQLError {
  return new GraphQLError(message, { extensions, path });
}
