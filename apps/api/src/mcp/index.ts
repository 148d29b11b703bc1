import type { JwtConfig } from '#platform';
import type { FastifyInstance } from 'fastify';
import type { Authentication } from '../auth/authentication.js';
import type { Broker } from '../broker.js';
import type { ReportError } from '../graphql/errors.js';
import { serveEndpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { serveMetadata } from './protected-resource.js';

export interface McpOptions {
  broker: Pick<Broker, 'tools' | 'poolResources'>;
  authentication: Authentication;
  allowedOrigins: readonly string[];
  /** Where clients reach the broker; undefined: where they say they did. */
  publicUrl: string | undefined;
  /** Whoever issues tokens that are taken here. */
  issuer: JwtConfig['issuer'] | undefined;
  bodyLimit: number;
  report: ReportError;
}

/** The tools and the readable pools over the Model Context Protocol. Nothing is kept between two requests: any replica takes any of them. */
export function serveMcp(fastify: FastifyInstance, options: McpOptions): { close: () => Promise<void> } {
  let exchange: Promise<Exchange> | undefined;
  // Loaded with the first request: brokers that nobody asks in this way start without it.
  const load = async () => {
    try {
      const { Exchange } = await import('./exchange.js');
      return new Exchange(options.broker, options.report);
    } catch (error) {
      // The next request tries again.
      exchange = undefined;
      throw error;
    }
  };
  const opened = () => (exchange ??= load());
  serveEndpoint(fastify, opened, options);
  serveMetadata(fastify, options);
  return { close: async () => (await exchange?.catch(() => undefined))?.close() };
}
