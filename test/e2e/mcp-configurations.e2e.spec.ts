import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StreamableHTTPClientTransport, type Client, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { temporaryFolder } from '../support/broker-process.js';
import { callTool, newMcpClient, PROTOCOLS } from '../support/mcp.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTED = 'http://127.0.0.1:4000';
const PROGRAMS = ['Claude Code', 'Claude Desktop', 'Cursor', 'VS Code', 'Windsurf', 'Gemini CLI', 'Zed', 'Codex'];

/** What a program reads of one server, under the names that it has for it. */
interface Entry {
  url?: string;
  serverUrl?: string;
  httpUrl?: string;
  headers?: Record<string, string>;
  bearer_token_env_var?: string;
  command?: string;
  args?: string[];
  env?: Record<string, string>;
}

let api: TestApi;
let coder: TestClient;
/** A PATH with the command in it, as `npm link` would leave it. */
let folder: string;
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  folder = temporaryFolder();
  const script = `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${ROOT}dist/bundle/main.js" "$@"\n`;
  fs.writeFileSync(path.join(folder, 'commonplace'), script, { mode: 0o755 });
});
afterAll(() => api.close());

function documented(): Map<string, Entry> {
  const text = fs.readFileSync(path.join(ROOT, 'docs/MCP.md'), 'utf8');
  const blocks = [...text.matchAll(/^### (.+)\n[\s\S]*?```(json|toml)\n([\s\S]*?)```/gm)];
  return new Map(
    blocks.map(([, program, kind, block]) => [program as string, entryIn(kind as string, block as string)]),
  );
}

function entryIn(kind: string, block: string): Entry {
  if (kind === 'toml') {
    expect(block).toMatch(/^\[mcp_servers\.commonplace\]\n/);
    return Object.fromEntries(
      [...block.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, name, value]) => [name, value]),
    ) as Entry;
  }
  const file = JSON.parse(block) as Record<string, { commonplace: Entry }>;
  const servers = file['mcpServers'] ?? file['servers'] ?? file['context_servers'];
  return servers?.commonplace as Entry;
}

/** As the program would fill in its variables; only where the broker is, and its key, are the test's. */
function transportOf(entry: Entry): Transport {
  const here = (text: string) => text.replace(DOCUMENTED, api.url);
  const withKey = (text: string) => text.replace(/\$\{[\w:-]+\}|cpl_…/, coder.key);
  if (entry.command) {
    const env = Object.fromEntries(Object.entries(entry.env ?? {}).map(([name, value]) => [name, withKey(value)]));
    return new StdioClientTransport({
      command: entry.command,
      args: (entry.args ?? []).map(here),
      env: { ...env, PATH: `${folder}:${process.env['PATH']}` },
      stderr: 'pipe',
    });
  }
  const url = here((entry.url ?? entry.serverUrl ?? entry.httpUrl) as string);
  const bearer = entry.bearer_token_env_var && { Authorization: `Bearer ${coder.key}` };
  const headers = Object.fromEntries(
    Object.entries(entry.headers ?? {}).map(([name, value]) => [name, withKey(value)]),
  );
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { ...headers, ...bearer } } });
}

it('every program of the document is tried', () => {
  expect([...documented().keys()]).toEqual(PROGRAMS);
});

describe.each(PROGRAMS)('as configured for %s', (program) => {
  it.each(PROTOCOLS)('the server starts, and lists and runs its tools by the protocol of %s', async (protocol) => {
    const client: Client = newMcpClient(protocol);
    await client.connect(transportOf(documented().get(program) as Entry));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('remember');
    expect(await callTool(client, 'list_pools', {})).toEqual({
      isError: false,
      text: expect.stringContaining('- coder '),
    });
    await client.close();
  });
});
