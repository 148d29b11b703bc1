import {
  createMcpHandler,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
  type McpHttpHandler,
} from '@modelcontextprotocol/server';
import type { Broker } from '../broker.js';
import type { ReportError } from '../graphql/errors.js';
import { serverFor, type McpCall } from './server.js';

/**
 * One request and its answer, with a server of its own: of the protocol of 2026-07-28, which knows no sessions, or of that up to
 * 2025-11-25, whose sessions a server need not have.
 */
export class Exchange {
  private readonly modern: McpHttpHandler;

  constructor(
    private readonly broker: Pick<Broker, 'tools' | 'poolResources'>,
    private readonly report: ReportError,
  ) {
    this.modern = createMcpHandler(({ authInfo }) => this.server(authInfo?.extra?.['call'] as McpCall), {
      legacy: 'reject',
      // Nothing is offered that could be listened to.
      maxSubscriptions: 0,
    });
  }

  async answer(request: Request, body: unknown, call: McpCall): Promise<Response> {
    if (await isLegacyRequest(request, body)) return this.legacy(request, body, call);
    // The credential was looked at before: nothing of it goes further.
    const authInfo = { token: '', clientId: call.principal.id, scopes: [], extra: { call } };
    return this.modern.fetch(request, { parsedBody: body, authInfo });
  }

  close(): Promise<void> {
    return this.modern.close();
  }

  private async legacy(request: Request, body: unknown, call: McpCall): Promise<Response> {
    const server = this.server(call);
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    try {
      await server.connect(transport);
      return await transport.handleRequest(request, { parsedBody: body });
    } finally {
      await server.close();
    }
  }

  private server(call: McpCall) {
    return serverFor(call, this.broker, this.report);
  }
}
