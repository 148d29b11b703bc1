import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { serveStdio as serve } from '@modelcontextprotocol/server/stdio';
import { VERSION } from '../../../api/src/health/version.js';
import { told } from '../fail.js';
import { bridgeTo, whyNotReached } from './bridge.js';

export interface McpOptions {
  url: string;
  key?: string;
}

/** MCP over stdin and stdout for programs that start their servers themselves; ends when stdin does. Only the protocol is written to stdout. */
export async function serveStdio({ url, key }: McpOptions): Promise<void> {
  if (!key) throw told('--key: give an API key, or set COMMONPLACE_KEY');
  const client = new Client({ name: 'commonplace mcp', version: VERSION });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl(url)), { requestInit }));
  } catch (error) {
    throw told(`${mcpUrl(url)}: ${whyNotReached(error)}`);
  }
  serve(() => bridgeTo(client), { onerror: (error) => console.error(`commonplace mcp: ${error.message}`) });
  process.stdin.once('end', () => void client.close());
}

/** Of the broker, however it was given: its address, that of GraphQL as the other commands take it, or that of MCP. */
export function mcpUrl(url: string): string {
  if (!URL.canParse(url)) throw told(`--url: ${JSON.stringify(url)} is no URL`);
  const parsed = new URL(url);
  parsed.pathname = parsed.pathname.replace(/\/(graphql|mcp)?\/?$/, '/mcp');
  return parsed.href;
}
