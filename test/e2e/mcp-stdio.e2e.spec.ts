import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { callTool, newMcpClient, PROTOCOLS, toldMemories } from '../support/mcp.js';
import { memorize } from '../support/memories.js';

/** What bin/commonplace.js runs. */
const MAIN = path.join(fileURLToPath(new URL('../..', import.meta.url)), 'dist/bundle/main.js');

let api: TestApi;
let tester: TestClient;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  tester = await api.agent('tester');
  coder = await api.agent('coder');
  await memorize(tester, { content: 'The merger is called Osprey.' });
});
afterAll(() => api.close());

describe.each(PROTOCOLS)('commonplace mcp, by the protocol of %s', (protocol) => {
  const open: Client[] = [];
  afterAll(async () => {
    for (const client of open.splice(0)) await client.close();
  });

  async function started(key: string): Promise<Client> {
    const client = newMcpClient(protocol);
    const args = ['--no-warnings', MAIN, 'mcp', '--key', key, '--url', api.url];
    await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'pipe' }));
    open.push(client);
    return client;
  }

  it('hands on the tools and resources of the broker, to two agents as each may', async () => {
    const [asTester, asCoder] = await Promise.all([started(tester.key), started(coder.key)]);
    expect((await asCoder.listTools()).tools).toHaveLength(6);
    const content = `The linter of ${protocol} is strict.`;
    const stored = await callTool(asCoder, 'memorize', { content, memory_type: 'declarative' });
    expect(stored.isError).toBe(false);
    const found = await callTool(asCoder, 'remember', { query: `linter of ${protocol}`, max_results: 1 });
    expect(toldMemories(found.text)).toEqual([expect.objectContaining({ content })]);
    expect((await callTool(asCoder, 'remember', { query: 'Osprey' })).text).toBe('No relevant memories found.');
    expect((await callTool(asCoder, 'remember', {})).text).toContain('query: is missing');
    const { resources } = await asTester.listResources();
    expect(resources.map(({ uri }) => uri)).toContain('commonplace://pools/tester');
    await expect(asCoder.readResource({ uri: 'commonplace://pools/tester' })).rejects.toThrow('no such resource');
    const { contents } = await asTester.readResource({ uri: 'commonplace://pools/tester' });
    expect((contents[0] as { text: string }).text).toContain('called Osprey');
  });
});

describe('commonplace mcp that cannot begin', () => {
  async function ended(...args: string[]) {
    return endedWith({}, ...args);
  }

  async function endedWith(env: NodeJS.ProcessEnv, ...args: string[]) {
    const child = spawn(process.execPath, ['--no-warnings', MAIN, 'mcp', ...args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr: stderr.trim() };
  }

  it('says why on stderr, and nothing on stdout', async () => {
    expect(await ended('--url', api.url)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'commonplace: --key: give an API key, or set COMMONPLACE_KEY',
    });
    expect(await ended('--key', 'nonsense', '--url', api.url)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('The broker does not take the key'),
    });
    expect(await ended('--key', 'x', '--url', 'http://127.0.0.1:1')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'commonplace: http://127.0.0.1:1/mcp: The broker does not answer: is it running, and is the URL its own?',
    });
  });

  it('shows the help after an error without the key, which stood in it as the default', async () => {
    const { code, stdout, stderr } = await endedWith({ COMMONPLACE_KEY: 'cpl_secret' }, '--nonsense');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('env: COMMONPLACE_KEY');
    expect(stderr).not.toContain('cpl_secret');
  });

  it('ends when its stdin does', async () => {
    const child = spawn(
      process.execPath,
      ['--no-warnings', MAIN, 'mcp', '--key', coder.key, '--url', `${api.url}/graphql`],
      {
        env: {},
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a test', version: '1' } };
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({ id: 1, result: { serverInfo: { name: 'commonplace' } } });
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
