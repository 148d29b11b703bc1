import { Client, StreamableHTTPClientTransport, type CallToolResult } from '@modelcontextprotocol/client';

/** The two ways of speaking: with a handshake, and with all that is to be known in every request. */
export const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export function newMcpClient(protocol: Protocol): Client {
  const mode = protocol === '2026-07-28' ? { pin: protocol } : ('legacy' as const);
  return new Client({ name: 'a test', version: '1' }, { versionNegotiation: { mode } });
}

/** The SDK's own client of a running broker, as the holder of the key. */
export async function openMcp(url: string, key: string, protocol: Protocol = '2025-11-25'): Promise<Client> {
  const client = newMcpClient(protocol);
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit }));
  return client;
}

export interface ToolAnswer {
  text: string;
  isError: boolean;
}

export async function callTool(client: Client, name: string, given: Record<string, unknown>): Promise<ToolAnswer> {
  return asAnswer((await client.callTool({ name, arguments: given })) as CallToolResult);
}

export function asAnswer({ content, isError }: CallToolResult): ToolAnswer {
  const texts = content.map((part) => (part.type === 'text' ? part.text : `(${part.type})`));
  return { text: texts.join('\n'), isError: isError ?? false };
}

/** A memory as a model is told of it. */
export interface ToldMemory {
  attributes: Record<string, string>;
  content: string;
}

/** What stands between the tags; they have a name of their own in each answer. */
export function toldMemories(text: string): ToldMemory[] {
  const tag = /between <(memory-[0-9a-f]{12}) …>/.exec(text)?.[1];
  if (!tag) return [];
  const pattern = new RegExp(`^<${tag} (.*)>\\n([\\s\\S]*?)\\n</${tag}>$`, 'gm');
  return [...text.matchAll(pattern)].map(([, attributes, content]) => ({
    attributes: Object.fromEntries(
      [...(attributes as string).matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value]) => [
        name,
        JSON.parse(value as string) as string,
      ]),
    ),
    content: content as string,
  }));
}
