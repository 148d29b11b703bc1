import { ProtocolError as BrokerRefusal, SdkHttpError, type Client } from '@modelcontextprotocol/client';
import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { VERSION } from '../../../api/src/health/version.js';

/** What the broker offers to one key, handed on as it is. Nothing is decided here, and nothing kept. */
export function bridgeTo(client: Client): Server {
  const server = new Server(
    { name: 'commonplace', title: 'Commonplace', version: VERSION },
    { capabilities: { tools: {}, resources: {} }, instructions: client.getInstructions() },
  );
  server.setRequestHandler('tools/list', ({ params }) => handOn(client.listTools(params)));
  server.setRequestHandler('tools/call', ({ params }) => handOn(client.callTool(params)));
  server.setRequestHandler('resources/list', ({ params }) => handOn(client.listResources(params)));
  server.setRequestHandler('resources/templates/list', ({ params }) => handOn(client.listResourceTemplates(params)));
  server.setRequestHandler('resources/read', ({ params }) => handOn(client.readResource(params)));
  return server;
}

/** What the broker refuses is refused in its words; what did not reach it is told in ours. */
async function handOn<Result>(asked: Promise<Result>): Promise<Result> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof BrokerRefusal) throw new ProtocolError(error.code, error.message, error.data);
    throw new ProtocolError(ProtocolErrorCode.InternalError, whyNotReached(error));
  }
}

export function whyNotReached(error: unknown): string {
  if (error instanceof SdkHttpError && error.status === 401)
    return 'The broker does not take the key: it is not known there, was revoked, or has expired.';
  if (error instanceof SdkHttpError) return `The broker answered with the HTTP status ${error.status}.`;
  return 'The broker does not answer: is it running, and is the URL its own?';
}
