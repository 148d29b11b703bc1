import type { Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { definitionsIn } from '#tools';
import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type Tool,
} from '@modelcontextprotocol/server';
import type { Broker } from '../broker.js';
import { formatError, type ReportError } from '../graphql/errors.js';
import { VERSION } from '../health/version.js';
import { cursorOf, memoryUri, parseCursor, parseUri, poolUri } from './resource-uris.js';

/** One request of one caller. */
export interface McpCall {
  principal: Principal;
  /** Why the credential holds no more, where the work found it out. */
  ended?: CommonplaceError;
}

const INSTRUCTIONS = `This is the memory that your team shares. Call remember before you answer or act on anything that somebody may know already, and memorize what the others should know later.`;
const TEXT = 'text/plain';
const TOOLS = definitionsIn('MCP') as unknown as Tool[];

/** What MCP offers, for one caller. Whatever fails is told as GraphQL tells it: never a stack, never SQL. */
export function serverFor(
  call: McpCall,
  { tools, poolResources }: Pick<Broker, 'tools' | 'poolResources'>,
  report: ReportError,
): Server {
  const { principal } = call;
  const server = new Server(
    { name: 'commonplace', title: 'Commonplace', version: VERSION },
    { capabilities: { tools: {}, resources: {} }, instructions: INSTRUCTIONS },
  );
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      if (error instanceof CommonplaceError && error.code === 'UNAUTHENTICATED') call.ended = error;
      const { message, extensions } = formatError({ message: '' }, error, report);
      throw new ProtocolError(protocolCode(String(extensions?.['code'])), message, extensions);
    }
  };
  server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
  server.setRequestHandler('tools/call', ({ params }) =>
    guarded(async () => {
      const { content, isError } = await tools.call(principal, params.name, params.arguments ?? {});
      return { content: [{ type: 'text', text: content }], isError };
    }),
  );
  server.setRequestHandler('resources/list', ({ params }) =>
    guarded(async () => {
      const { pools, next } = await poolResources.list(principal, parseCursor(params?.cursor));
      const resources = pools.map(({ key, description }) => ({
        uri: poolUri(key),
        name: key,
        description,
        mimeType: TEXT,
      }));
      return { resources, ...(next !== undefined && { nextCursor: cursorOf(next) }) };
    }),
  );
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [
      {
        uriTemplate: poolUri('{pool}'),
        name: 'pool',
        description: 'The newest memories of a pool.',
        mimeType: TEXT,
      },
      { uriTemplate: memoryUri('{id}'), name: 'memory', description: 'One memory, by its id.', mimeType: TEXT },
    ],
  }));
  server.setRequestHandler('resources/read', ({ params: { uri } }) =>
    guarded(async () => {
      const named = parseUri(uri);
      const text = named && (await poolResources[named.kind](principal, named.name));
      if (text == null) throw notFound(uri);
      return { contents: [{ uri, mimeType: TEXT, text }] };
    }),
  );
  return server;
}

/** One answer for what is not there and for what is not the caller's to see. */
const notFound = (uri: string): ResourceNotFoundError =>
  new ResourceNotFoundError(uri.slice(0, 200), 'There is no such resource, or it is not yours to see.');

function protocolCode(code: string): ProtocolErrorCode {
  if (code === 'BAD_INPUT' || code === 'NOT_FOUND') return ProtocolErrorCode.InvalidParams;
  return code === 'INTERNAL' ? ProtocolErrorCode.InternalError : ProtocolErrorCode.InvalidRequest;
}
