import { JsonPoster } from './json-poster.js';

interface Answer {
  result?: { isError?: boolean; content: { text: string }[] };
  error?: unknown;
}

/** By its protocol, what a request says beside its arguments. */
const PROTOCOLS = {
  '2025-11-25': { headers: {}, meta: undefined },
  '2026-07-28': {
    headers: { 'mcp-method': 'tools/call', 'mcp-name': 'remember' },
    meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
} as const;
export type McpProtocol = keyof typeof PROTOCOLS;

/** A model's calls, as a program sends them once it knows the server. */
export class McpClient {
  private readonly posters: Record<McpProtocol, JsonPoster>;
  private nextId = 1;

  constructor(url: string, key: string) {
    const posterOf = (protocol: McpProtocol) =>
      new JsonPoster(`${url}/mcp`, {
        authorization: `Bearer ${key}`,
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': protocol,
        ...PROTOCOLS[protocol].headers,
      });
    this.posters = { '2025-11-25': posterOf('2025-11-25'), '2026-07-28': posterOf('2026-07-28') };
  }

  /** @returns the text that the model is told */
  async remember(protocol: McpProtocol, given: object): Promise<string> {
    const { meta } = PROTOCOLS[protocol];
    const params = { name: 'remember', arguments: given, ...(meta && { _meta: meta }) };
    const message = { jsonrpc: '2.0', id: this.nextId++, method: 'tools/call', params };
    const { result, error } = await this.posters[protocol].post<Answer>(message);
    if (!result || result.isError) throw new Error(JSON.stringify(error ?? result));
    return result.content.map(({ text }) => text).join('\n');
  }

  close(): void {
    for (const poster of Object.values(this.posters)) poster.close();
  }
}
