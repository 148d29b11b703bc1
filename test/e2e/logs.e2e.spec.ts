import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fs from 'node:fs';
import { ADMIN_KEY, startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { callTool, openMcp } from '../support/mcp.js';
import { MEMORIZE, memorize, recall } from '../support/memories.js';
import { RawSocket } from '../support/raw-socket.js';
import { FORGET, REVISE } from '../support/world.js';

const STDERR = 2;
/** Begins every word that a client sends below. */
const SECRET = 'zqsecret';

let api: TestApi;
let coder: TestClient;
let log = '';
const write = fs.writeSync;
beforeAll(async () => {
  jest.spyOn(fs, 'writeSync').mockImplementation(((fd: number, data: string, ...rest: []) => {
    if (fd !== STDERR) return write(fd, data, ...rest);
    log += String(data);
    return Buffer.byteLength(String(data));
  }) as typeof fs.writeSync);
  api = await startTestApi({ LOG_LEVEL: 'info' });
  coder = await api.agent('coder');
});
afterAll(async () => {
  await api.close();
  jest.restoreAllMocks();
});

const all = {
  entityId: `${SECRET}-entity`,
  sessionId: `${SECRET}-session`,
  speaker: `${SECRET}-speaker`,
  labels: [`${SECRET}-label`],
  metadata: { [`${SECRET}-key`]: `${SECRET}-value` },
};

describe('the log at info', () => {
  it('has no word of what was stored, asked, refused or heard', async () => {
    const id = await memorize(coder, { ...all, content: `${SECRET}-content`, idempotencyKey: `${SECRET}-idempotency` });
    await recall(coder, `${SECRET}-query`, { entityId: all.entityId, filter: { metadata: all.metadata } });
    await coder.ask(REVISE, {
      input: { id, expectedVersion: 1, content: `${SECRET}-revised`, reason: `${SECRET}-reason` },
    });
    const feed = FeedReader.open(coder, { entityId: all.entityId });
    await coder.send(FORGET, { id });
    await feed.close();
    for (const wrong of [
      { pool: `${SECRET}-pool` },
      { content: `${SECRET}\u0000` },
      { type: `${SECRET}-type` },
      { labels: [`${SECRET}`.repeat(20)] },
      { [`${SECRET}Field`]: 1 },
    ]) {
      expect(await coder.code(MEMORIZE, { input: { content: `${SECRET}-again`, type: 'EPISODIC', ...wrong } })).toBe(
        'BAD_INPUT',
      );
    }
    expect(await coder.code(`{ ${SECRET} }`)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await coder.code(`{ ${SECRET} `)).toBe('GRAPHQL_PARSE_FAILED');
    expect(log).not.toContain(SECRET);
  });

  it('has no word of what came over MCP, right or wrong', async () => {
    const mcp = await openMcp(api.url, coder.key);
    await callTool(mcp, 'memorize', { content: `${SECRET} by a tool`, memory_type: 'episodic', user_id: SECRET });
    await callTool(mcp, 'remember', { query: SECRET, pool: SECRET });
    await callTool(mcp, SECRET, { [SECRET]: SECRET });
    await expect(mcp.readResource({ uri: `commonplace://pools/${SECRET}` })).rejects.toThrow();
    await mcp.close();
    for (const body of [`{"${SECRET}": 1}`, `{"${SECRET}`, `[{"method": "${SECRET}"}]`]) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${coder.key}` };
      await fetch(`${api.url}/mcp?${SECRET}`, { method: 'POST', headers, body });
    }
    expect(log).not.toContain(SECRET);
  });

  it('has no key and no Authorization, right or wrong', async () => {
    const wrong = `${coder.key.slice(0, -1)}${coder.key.endsWith('0') ? '1' : '0'}`;
    expect(await coder.as(wrong).code('{ viewer { id } }')).toBe('UNAUTHENTICATED');
    expect(await coder.as(`${SECRET}-chosen-key`).code('{ viewer { id } }')).toBe('UNAUTHENTICATED');
    await fetch(`${api.url}/graphql?key=${coder.key}`, {
      headers: { authorization: `Bearer ${coder.key}`, cookie: `key=${coder.key}` },
    });
    const socket = await RawSocket.open(api.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${wrong}` } });
    expect((await socket.closed).code).toBe(4403);
    for (const secret of [coder.key, wrong, ADMIN_KEY, 'Bearer', SECRET]) expect(log).not.toContain(secret);
  });

  it('tells a failure of the broker under its reference, and nothing of the row that it was about', async () => {
    const { database } = api.broker;
    await database.maintenance(`alter table memory add constraint no_trap check (content not like '%trap%')`);
    await database.maintenance("alter table principal add constraint no_trap check (name not like '%trap%')");
    const { errors } = await coder.send(MEMORIZE, { input: { ...all, content: `${SECRET} trap`, type: 'EPISODIC' } });
    expect(errors?.[0]).toMatchObject({
      message: expect.not.stringContaining('trap'),
      extensions: { code: 'INTERNAL', reference: expect.any(String) },
    });
    const { errors: second } = await api.admin.send(
      'mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { agent { id } } }',
      {
        input: { name: `${SECRET} trap`, role: 'coder' },
      },
    );
    expect(second?.[0]?.extensions.code).toBe('INTERNAL');

    const mcp = await openMcp(api.url, coder.key);
    const told = callTool(mcp, 'memorize', { content: `${SECRET} trap`, memory_type: 'episodic' });
    await expect(told).rejects.toMatchObject({
      code: -32_603,
      message: expect.stringMatching(
        /^Something went wrong here, and not on your side\. The log has it under [\w-]+\.$/,
      ),
      data: { code: 'INTERNAL', reference: expect.any(String) },
    });
    await mcp.close();

    // Where it says so much it can be believed in what it does not say.
    const { reference } = errors?.[0]?.extensions as unknown as { reference: string };
    const line = log.split('\n').find((one) => one.includes(reference)) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      reference,
      err: { code: '23514', table: 'memory', constraint: 'no_trap' },
    });
    expect(log).not.toContain(SECRET);
    expect(log).not.toContain(' trap');
  });

  it('nor have the metrics', async () => {
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toContain('commonplace_failures_total{code="INTERNAL"} 3');
    for (const secret of [SECRET, coder.key.slice(0, 16), ADMIN_KEY]) expect(metrics).not.toContain(secret);
  });
});
