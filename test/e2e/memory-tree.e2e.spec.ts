import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { callTool, openMcp } from '../support/mcp.js';
import { allow, deny, editPolicy } from '../support/policy.js';

type Agent = TestClient & { id: string };

let api: TestApi;
let annie: Agent;
let ben: Agent;
beforeAll(async () => {
  api = await startTestApi();
  annie = await api.agent('coder', { privatePool: true });
  ben = await api.agent('coder', { privatePool: true });
});
afterAll(() => api.close());

const CALL = 'mutation ($given: JSONObject!) { callTool(name: "memory", arguments: $given) { content isError } }';
type Result = { content: string; isError: boolean };

async function command(client: TestClient, given: Record<string, unknown>): Promise<Result> {
  return (await client.ask<{ callTool: Result }>(CALL, { given })).callTool;
}

async function done(client: TestClient, given: Record<string, unknown>): Promise<string> {
  const { content, isError } = await command(client, given);
  expect({ content, isError }).toEqual({ content: expect.any(String), isError: false });
  return content;
}

const list = (client: TestClient) => done(client, { command: 'view', path: '/memories' });

describe('the tree of /memories', () => {
  it('is kept between calls: files are made, read, changed, renamed and deleted', async () => {
    await done(annie, { command: 'create', path: '/memories/plans/today.md', file_text: 'one\ntwo\nthree' });
    await done(annie, { command: 'create', path: '/memories/blank.txt', file_text: '' });
    expect((await list(annie)).split('\n').slice(1)).toEqual([
      '4K\t/memories',
      '0B\t/memories/blank.txt',
      '4K\t/memories/plans/',
      '13B\t/memories/plans/today.md',
    ]);
    const at = { path: '/memories/plans/today.md' };
    expect(await done(annie, { command: 'str_replace', ...at, old_str: 'two', new_str: '2' })).toContain('\t2\n');
    await done(annie, { command: 'insert', ...at, insert_line: 0, insert_text: 'zero\n' });
    await done(annie, { command: 'rename', old_path: '/memories/plans', new_path: '/memories/old/plans' });
    expect(await done(annie, { command: 'view', path: '/memories/old/plans/today.md', view_range: [1, 3] })).toBe(
      "Here's the content of /memories/old/plans/today.md with line numbers:\n     1\tzero\n     2\tone\n     3\t2",
    );
    expect((await command(annie, { command: 'view', ...at })).isError).toBe(true);
    await done(annie, { command: 'delete', path: '/memories/blank.txt' });
    expect(await list(annie)).not.toContain('blank');
  });

  it('keeps what a file said before in the history of its memory, over a change of its name too', async () => {
    const query = `{ memories(filter: {labels: ["memory-file"]}) { nodes { content metadata history { content } } } }`;
    type Kept = { content: string; metadata: { path: string }; history: { content: string }[] };
    const { memories } = await annie.ask<{ memories: { nodes: Kept[] } }>(query);
    const file = memories.nodes.find(({ metadata }) => metadata.path === '/memories/old/plans/today.md');
    expect(file?.content).toBe('zero\none\n2\nthree');
    expect(file?.history.map(({ content }) => content)).toContain('one\ntwo\nthree');
  });

  it("is one agent's own: another of the same role has another, and an admin is shown none", async () => {
    expect((await list(ben)).split('\n')).toHaveLength(2);
    const { content, isError } = await command(ben, { command: 'view', path: '/memories/old/plans/today.md' });
    expect({ content, isError }).toEqual({
      isError: true,
      content: 'The path /memories/old/plans/today.md does not exist. Please provide a valid path.',
    });
    const ofAdmin = await command(api.admin, { command: 'view', path: '/memories' });
    expect(ofAdmin.isError).toBe(true);
    expect(JSON.stringify(ofAdmin)).not.toContain('today');
  });

  it('of an agent without a private pool is refused, in words that say why', async () => {
    const { content, isError } = await command(await api.agent('coder'), { command: 'view', path: '/memories' });
    expect(isError).toBe(true);
    expect(content).toContain('private pool');
  });

  it('is as the policy has it: what may not be written is refused, and nothing is changed', async () => {
    await editPolicy(api.admin, (statements) => [
      ...statements,
      deny('coder', ['WRITE', 'PROPOSE', 'REVISE', 'FORGET'], [`agent:${ben.id}`]),
    ]);
    const refused = await command(ben, { command: 'create', path: '/memories/x', file_text: 'x' });
    expect(refused.isError).toBe(true);
    expect((await list(ben)).split('\n')).toHaveLength(2);
  });

  it('refuses paths that leave it, and arguments that are none of the command', async () => {
    for (const path of ['/etc/passwd', '/memories/../../etc/passwd', '/memories/a/../../b'])
      expect((await command(annie, { command: 'view', path })).isError).toBe(true);
    expect((await command(annie, { command: 'create', path: '/memories/x' })).content).toContain(
      'file_text: is missing',
    );
    expect((await command(annie, { command: 'chmod', path: '/memories/x' })).content).toContain(
      'command: must be one of view',
    );
  });

  it('whose folder is renamed in part only is told so, and the same command goes on', async () => {
    const cara = await api.agent('coder', { privatePool: true });
    for (const name of ['a', 'b', 'c'])
      await done(cara, { command: 'create', path: `/memories/plans/${name}`, file_text: name });
    const { memories } = await cara.ask<{ memories: { nodes: { id: string; content: string; version: number }[] } }>(
      '{ memories(filter: {labels: ["memory-file"]}) { nodes { id content version } } }',
    );
    const { id, version } = memories.nodes.find(({ content }) => content === 'b') ?? {};
    await cara.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
      input: { id, expectedVersion: version, importance: 'HIGH' },
    });
    const barred = deny('coder', ['REVISE'], [`agent:${cara.id}`], { where: { importance: { eq: 'HIGH' } } });
    await editPolicy(api.admin, (statements) => [...statements, { ...barred, id: 'barred' }]);
    const rename = { command: 'rename', old_path: '/memories/plans', new_path: '/memories/old' };
    const refused = await command(cara, rename);
    expect(refused.isError).toBe(true);
    expect(refused.content).toMatch(/^Not allowed, and it was done in part; call it again for the rest: /);
    expect(await list(cara)).toMatch(/\/memories\/old\/c\n[^]*\/memories\/plans\/a\n/);
    await editPolicy(api.admin, (statements) => statements.filter((one) => one.id !== 'barred'));
    await done(cara, rename);
    expect((await list(cara)).split('\n').slice(2)).toEqual([
      '4K\t/memories/old/',
      '1B\t/memories/old/a',
      '1B\t/memories/old/b',
      '1B\t/memories/old/c',
    ]);
  });

  it('has one file where several calls make it at once: the others are told that it exists, and none comes back', async () => {
    const dan = await api.agent('coder', { privatePool: true });
    const path = '/memories/deep/down/x';
    const calls = ['one', 'two', 'three', 'four'].map((file_text) =>
      command(dan, { command: 'create', path, file_text }),
    );
    const told = await Promise.all(calls);
    expect(told.filter(({ isError }) => !isError)).toHaveLength(1);
    for (const { isError, content } of told)
      if (isError) expect(content).toMatch(/^File .* already exists$|^[^:]*: Another call is making /);
    expect((await list(dan)).split('\n').slice(2)).toEqual(['4K\t/memories/deep/', '4K\t/memories/deep/down/']);
    await done(dan, { command: 'delete', path: '/memories/deep' });
    expect((await list(dan)).split('\n')).toHaveLength(2);
  });

  it('takes no file that would wait for a review, and leaves none waiting', async () => {
    const eve = await api.agent('coder', { privatePool: true });
    const own = [`agent:${eve.id}`];
    await editPolicy(api.admin, (statements) => [
      ...statements,
      { ...allow('coder', ['PROPOSE'], own), id: 'proposes' },
      { ...deny('coder', ['WRITE'], own), id: 'does-not-write' },
    ]);
    const refused = await command(eve, { command: 'create', path: '/memories/x', file_text: 'x' });
    expect(refused.isError).toBe(true);
    expect(refused.content).toMatch(/^Not allowed, and nothing was done: .* reviewer .* you need WRITE there/);
    const { memories } = await eve.ask<{ memories: { nodes: unknown[] } }>(
      '{ memories(filter: {statuses: [ACTIVE, PROPOSED], labels: ["memory-file"]}) { nodes { id } } }',
    );
    expect(memories.nodes).toEqual([]);
  });

  it('can be had over MCP by whoever knows of it', async () => {
    const mcp = await openMcp(api.url, annie.key);
    const { text } = await callTool(mcp, 'memory', { command: 'view', path: '/memories' });
    expect(text).toContain('/memories/old/');
    await mcp.close();
  });
});
