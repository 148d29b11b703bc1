import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SdkHttpError, type Client } from '@modelcontextprotocol/client';
import fc from 'fast-check';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { callTool, openMcp, PROTOCOLS, toldMemories } from '../support/mcp.js';
import { countMemories, memorize } from '../support/memories.js';

let api: TestApi;
let planner: TestClient;
let coder: TestClient;
let secretId: string;
beforeAll(async () => {
  api = await startTestApi({ WS_ALLOWED_ORIGINS: 'https://console.example' });
  planner = await api.agent('planner');
  coder = await api.agent('coder');
  secretId = await memorize(await api.agent('reviewer'), {
    type: 'DECLARATIVE',
    content: 'The merger is called Osprey.',
  });
  await memorize(planner, { type: 'DECLARATIVE', content: 'Standup is at nine.', pool: 'shared' });
});
afterAll(() => api.close());

const TOOLS = ['remember', 'memorize', 'revise', 'forget', 'list_pools', 'explain_access'];
const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${api.url}/mcp`, {
    method: 'POST',
    body,
    headers: { ...HEADERS, authorization: `Bearer ${coder.key}`, ...headers },
  });
const rpc = (method: string, params: unknown = {}, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });

describe.each(PROTOCOLS)('by the protocol of %s', (protocol) => {
  let asPlanner: Client;
  let asCoder: Client;
  beforeAll(async () => {
    asPlanner = await openMcp(api.url, planner.key, protocol);
    asCoder = await openMcp(api.url, coder.key, protocol);
  });
  afterAll(async () => {
    await asPlanner.close();
    await asCoder.close();
  });

  it('says who it is, and speaks that protocol', () => {
    expect(asCoder.getServerVersion()).toMatchObject({ name: 'commonplace' });
    expect(asCoder.getNegotiatedProtocolVersion()).toBe(protocol);
    expect(asCoder.getInstructions()).toContain('remember');
  });

  it('lists the tools, with strict schemas', async () => {
    const { tools } = await asCoder.listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS);
    for (const { inputSchema } of tools)
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(tools.find(({ name }) => name === 'forget')?.annotations).toMatchObject({ destructiveHint: true });
  });

  it('memorizes and remembers under the role of the key', async () => {
    const content = `The compiler of ${protocol} is clang.`;
    const stored = await callTool(asCoder, 'memorize', { content, memory_type: 'declarative' });
    expect(stored).toEqual({ isError: false, text: expect.stringContaining('pool coder') });
    const found = await callTool(asCoder, 'remember', { query: `compiler of ${protocol}`, max_results: 1 });
    expect(toldMemories(found.text)).toEqual([expect.objectContaining({ content })]);
    const hidden = await callTool(asPlanner, 'remember', { query: 'compiler clang' });
    expect(hidden.text).toBe('No relevant memories found.');
  });

  it('keeps what a role may not read from it, in results, failures and resources', async () => {
    const heard = [
      await callTool(asCoder, 'remember', { query: 'Osprey merger' }),
      await callTool(asCoder, 'remember', { query: 'Osprey', pool: 'reviewer' }),
      await callTool(asCoder, 'revise', { id: secretId, version: 1, content: 'x' }),
      await asCoder.listResources(),
      ...(await Promise.all(
        [`commonplace://memories/${secretId}`, 'commonplace://pools/reviewer'].map((uri) =>
          asCoder.readResource({ uri }).catch((error: Error) => ({ refused: error.message })),
        ),
      )),
    ];
    expect(JSON.stringify(heard)).not.toMatch(/called Osprey/);
    expect(JSON.stringify(heard.slice(-3))).not.toContain('"reviewer"');
    expect(heard.slice(-2)).toEqual([
      { refused: expect.stringContaining('no such resource') },
      { refused: expect.stringContaining('no such resource') },
    ]);
  });

  it('reads a pool, and one memory, as resources', async () => {
    const { resources } = await asCoder.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(
      expect.arrayContaining(['commonplace://pools/coder', 'commonplace://pools/shared']),
    );
    const { contents } = await asCoder.readResource({ uri: 'commonplace://pools/shared' });
    const [told] = toldMemories((contents[0] as { text: string }).text);
    expect(told).toMatchObject({ content: 'Standup is at nine.', attributes: { pool: 'shared' } });
    const { resourceTemplates } = await asCoder.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'commonplace://pools/{pool}',
      'commonplace://memories/{id}',
    ]);
    const one = await asCoder.readResource({ uri: `commonplace://memories/${told?.attributes['id']}` });
    expect(toldMemories((one.contents[0] as { text: string }).text)).toHaveLength(1);
  });

  it('answers wrong arguments with what to mend', async () => {
    const answer = await callTool(asCoder, 'remember', { query: '', limit: 3 });
    expect(answer.isError).toBe(true);
    expect(answer.text).toContain('query: is empty');
    expect(answer.text).toContain('"limit": not taken');
    expect((await callTool(asCoder, 'recall', {})).text).toContain('There is no tool "recall"');
  });

  it('answers any arguments with what to mend, and stores nothing', async () => {
    const before = await countMemories(api);
    const value = fc.oneof(
      fc.anything({ maxDepth: 3, withNullPrototype: false }),
      fc.constantFrom<unknown>('', '\u0000', '\ud800', 'x'.repeat(1_000_000), -1, null),
      fc.nat(20).map((depth) => Array.from({ length: depth * 50 }).reduce<unknown>((inner) => [inner], 'deep')),
    );
    const fields = fc.constantFrom('query', 'memory_type', 'user_id', 'id', 'version', 'pool', 'content', 'x');
    const given = fc.dictionary(fields, value, { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...TOOLS, 'no_such'), given, async (name, fields) => {
        // What would be right is made wrong.
        const wrong = { ...fields, ...(typeof fields['content'] === 'string' && { content: 'a\u0000b' }) };
        const asked = rpc('tools/call', { name, arguments: wrong });
        const response = await post(asked);
        const { result, error } = (await response.json()) as Rpc;
        expect(JSON.stringify(error ?? null)).not.toContain('INTERNAL');
        expect(error?.code).not.toBe(-32_603);
        if (result?.isError)
          expect(result.content[0]?.text).toMatch(/nothing was done|There is no tool|Nothing was done/i);
      }),
      { numRuns: 120 },
    );
    expect(await countMemories(api)).toBe(before);
  });
});

interface Rpc {
  result?: { isError?: boolean; content: { text: string }[] };
  error?: { code: number; message: string; data?: { code: string } };
}

describe('a request', () => {
  it('without a credential, or with one that is not taken, is told where to learn of one', async () => {
    const without = await fetch(`${api.url}/mcp`, { method: 'POST', body: rpc('tools/list'), headers: HEADERS });
    expect(without.status).toBe(401);
    const metadata = `${api.url}/.well-known/oauth-protected-resource/mcp`;
    expect(without.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${metadata}"`);
    const refused = await post(rpc('tools/list'), { authorization: 'Bearer nonsense' });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", resource_metadata="${metadata}"`,
    );
    expect(await refused.json()).toMatchObject({ error: { data: { code: 'UNAUTHENTICATED' } } });
    const document = await fetch(metadata);
    expect(await document.json()).toEqual({
      resource: `${api.url}/mcp`,
      resource_name: 'Commonplace',
      bearer_methods_supported: ['header'],
    });
    expect((await fetch(`${api.url}/.well-known/oauth-protected-resource`)).status).toBe(200);
  });

  it('of a client without a key fails as the specification has it', async () => {
    const failure = await openMcp(api.url, 'nonsense').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SdkHttpError);
    expect((failure as SdkHttpError).status).toBe(401);
  });

  it('of a page from elsewhere is refused, whatever its name was made to point at', async () => {
    const from = (origin: string, host?: string) => post(rpc('ping'), { origin, ...(host && { host }) });
    expect((await from('https://evil.example')).status).toBe(403);
    expect((await from('null')).status).toBe(403);
    expect((await from('http://localhost:1')).status).toBe(403);
    expect((await from(new URL(api.url).origin)).status).toBe(200);
    expect((await from('https://console.example')).status).toBe(200);
  });

  it('by another method is told that there are no sessions', async () => {
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(`${api.url}/mcp`, { method, headers: { authorization: `Bearer ${coder.key}` } });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });

  it('that is too large, of another type, no JSON or not UTF-8 is refused', async () => {
    const before = await countMemories(api);
    const large = await post(rpc('tools/call', { name: 'memorize', arguments: { content: 'x'.repeat(2_200_000) } }));
    expect(large.status).toBe(413);
    expect((await post(rpc('ping'), { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post('{"jsonrpc": ')).status).toBe(400);
    const given = { name: 'memorize', arguments: { content: 'a byte: ?', memory_type: 'episodic' } };
    const bytes = new TextEncoder().encode(rpc('tools/call', given));
    bytes[bytes.indexOf('?'.charCodeAt(0))] = 0xff;
    const invalid = await post(bytes);
    expect(invalid.status).toBe(400);
    expect(await invalid.json()).toMatchObject({ error: { code: -32_700, message: 'body: must be JSON in UTF-8' } });
    expect(await countMemories(api)).toBe(before);
  });

  it('cannot bring many at once past the rate', async () => {
    const batch = await post(`[${rpc('ping')},${rpc('ping')}]`);
    expect(batch.status).toBe(400);
    expect(await batch.json()).toMatchObject({ error: { message: expect.stringContaining('no batch') } });
  });

  it('of a key that was revoked meanwhile is answered as one without', async () => {
    const gone = await api.agent('coder');
    const call = () =>
      post(rpc('tools/call', { name: 'list_pools', arguments: {} }), { authorization: `Bearer ${gone.key}` });
    expect((await call()).status).toBe(200);
    type Agents = { agents: { id: string; keys: { id: string }[] }[] };
    const { agents } = await api.admin.ask<Agents>('{ agents { id keys { id } } }');
    const id = agents.find((agent) => agent.id === gone.id)?.keys[0]?.id;
    await api.admin.ask('mutation ($id: ID!) { revokeKey(id: $id) { id } }', { id });
    expect((await call()).status).toBe(401);
  });

  it('that would listen is refused: there is nothing to be told of', async () => {
    const client = await openMcp(api.url, coder.key, '2026-07-28');
    await expect(client.listen({ resourcesListChanged: true })).rejects.toThrow(/limit reached/);
    await client.close();
  });
});

it.each(['2025-06-18', '2025-03-26', '2024-11-05'])(
  'a program of %s is answered in its own protocol',
  async (version) => {
    const clientInfo = { name: 'a test', version: '1' };
    const asked = await post(rpc('initialize', { protocolVersion: version, capabilities: {}, clientInfo }));
    expect(await asked.json()).toMatchObject({ result: { protocolVersion: version } });
    const call = rpc('tools/call', { name: 'list_pools', arguments: {} });
    const answer = await post(call, version === '2025-06-18' ? { 'mcp-protocol-version': version } : {});
    expect(await answer.json()).toMatchObject({ result: { isError: false } });
  },
);

describe('many requests', () => {
  it('are held to the rate of GraphQL', async () => {
    const limited = await startTestApi({ RATE_LIMIT_PER_MINUTE: '3' });
    const ask = () =>
      fetch(`${limited.url}/mcp`, {
        method: 'POST',
        body: rpc('ping'),
        headers: { ...HEADERS, authorization: `Bearer ${limited.admin.key}` },
      });
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push((await ask()).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(Number((await ask()).headers.get('retry-after'))).toBeGreaterThan(0);
    await limited.close();
  });
});

it('names the identity provider, and the public address, where they are configured', async () => {
  const named = await startTestApi({
    PUBLIC_URL: 'https://memory.example.com',
    AUTH_JWT_ISSUER: 'https://id.example.com',
    AUTH_JWT_JWKS_URL: 'https://id.example.com/jwks',
  });
  const document = await fetch(`${named.url}/.well-known/oauth-protected-resource/mcp`);
  expect(await document.json()).toMatchObject({
    resource: 'https://memory.example.com/mcp',
    authorization_servers: ['https://id.example.com'],
  });
  await named.close();
});
