import { badInput, CommonplaceError } from '#kernel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatError, httpStatus } from '../graphql/errors.js';
import type { Exchange } from './exchange.js';
import type { McpOptions } from './index.js';
import { isAllowedOrigin } from './origin.js';
import { challenge } from './protected-resource.js';
import type { McpCall } from './server.js';

const PATH = '/mcp';
/** Of JSON-RPC: what is no JSON, and what is no request. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Let in by the same credentials, and at the same rate, as GraphQL; before anything of the body is read. */
export function serveEndpoint(fastify: FastifyInstance, exchange: () => Promise<Exchange>, options: McpOptions): void {
  const calls = new WeakMap<FastifyRequest, McpCall>();
  const refuse = (request: FastifyRequest, reply: FastifyReply, error: unknown) =>
    reply
      .code(statusOf(error))
      .headers(headersOf(request, error, options))
      .send(told(error, options));

  // In a scope of its own: here a body is bytes, and there is no other type than JSON.
  void fastify.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: options.bodyLimit },
      (_request, body, parsed) => parsed(null, body),
    );
    scope.setErrorHandler((error, request, reply) => refuse(request, reply, error));
    scope.addHook('onRequest', async (request, reply) => {
      if (!isAllowedOrigin(request.headers, options.allowedOrigins))
        return refuse(request, reply, new CommonplaceError('FORBIDDEN', 'This origin is not let in here.'));
      const { authorization } = request.headers;
      calls.set(request, { principal: await options.authentication.authenticate(authorization, request.ip) });
    });
    scope.route({
      method: ['GET', 'DELETE', 'PUT', 'PATCH'],
      url: PATH,
      handler: (_request, reply) =>
        reply.code(405).header('allow', 'POST').send(rpcError(INVALID_REQUEST, 'There are no sessions here: POST.')),
    });
    scope.post(PATH, async (request, reply) => {
      const call = calls.get(request) as McpCall;
      const body = parseBody(request.body as Buffer | undefined);
      const answer = await (await exchange()).answer(asWebRequest(request), body, call);
      const text = await answer.text();
      if (call.ended) throw call.ended;
      return reply
        .code(answer.status)
        .headers({ ...Object.fromEntries(answer.headers), 'cache-control': 'no-store' })
        .send(text);
    });
    done();
  });
}

/** @throws BAD_INPUT for what is no JSON in UTF-8, and for several requests in one, which would pass by the rate. */
function parseBody(bytes: Buffer | undefined): unknown {
  let body: unknown;
  try {
    body = JSON.parse(utf8.decode(bytes));
  } catch {
    throw badInput('body', 'must be JSON in UTF-8');
  }
  if (Array.isArray(body)) throw badInput('body', 'must be one JSON-RPC message, and no batch of them');
  return body;
}

/** As the SDK takes it; the body goes beside it, and the credential no further. */
function asWebRequest({ headers, protocol, host, url }: FastifyRequest): Request {
  const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || name === 'authorization' || name === 'content-length' ? [] : [[name, String(value)]],
  );
  const base = `${protocol}://${host}`;
  return new Request(new URL(url, URL.canParse(base) ? base : 'http://localhost'), { method: 'POST', headers: given });
}

function statusOf(error: unknown): number {
  if (error instanceof CommonplaceError) return httpStatus(error.code);
  // Of Fastify: a body that is too large, or of another type.
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}

function headersOf(request: FastifyRequest, error: unknown, options: McpOptions): Record<string, string> {
  if (!(error instanceof CommonplaceError)) return {};
  const { code, details } = error;
  if (code === 'UNAUTHENTICATED')
    return { 'www-authenticate': challenge(request, options, request.headers.authorization !== undefined) };
  return details.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(details.retryAfterMs / 1000)) };
}

function told(error: unknown, { report }: McpOptions): ReturnType<typeof rpcError> {
  const status = statusOf(error);
  if (!(error instanceof CommonplaceError) && status < 500) {
    report('BAD_INPUT', undefined);
    return rpcError(INVALID_REQUEST, status === 413 ? 'The body is too large.' : 'Send application/json.');
  }
  const { message, extensions } = formatError({ message: '' }, error, report);
  const code = extensions?.['code'] === 'BAD_INPUT' ? PARSE_ERROR : INVALID_REQUEST;
  return rpcError(code, message, extensions);
}

const rpcError = (code: number, message: string, data?: unknown) => ({
  jsonrpc: '2.0',
  id: null,
  error: { code, message, ...(data !== undefined && { data }) },
});
