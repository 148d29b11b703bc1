import { aiSdkTools, CommonplaceClient, CommonplaceFailure, openAiTools, type FeedEvent } from '#client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateText, stepCountIs } from 'ai';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import WebSocket from 'ws';
import { startTestApi, type TestApi } from '../support/api.js';
import { callsThenSays } from '../support/stub-model.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let api: TestApi;
let coder: CommonplaceClient;
beforeAll(async () => {
  api = await startTestApi();
  coder = await clientOf('coder');
});
afterAll(() => api.close());

async function clientOf(role: string): Promise<CommonplaceClient> {
  const { key } = await api.agent(role);
  return new CommonplaceClient({ url: api.url, key, webSocket: WebSocket });
}

it('has the types that schema.graphql and its operations give', async () => {
  const script = `import { generate } from './libs/client/generate.mjs'; process.stdout.write(await generate());`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
  expect(fs.readFileSync(`${ROOT}/libs/client/src/generated.ts`, 'utf8')).toBe(stdout);
});

describe('the client', () => {
  it('memorizes, recalls, revises and forgets', async () => {
    const { outcome, memory } = await coder.memorize({ content: 'The parser is recursive.', type: 'DECLARATIVE' });
    expect({ outcome, pool: memory.pool.key }).toEqual({ outcome: 'CREATED', pool: 'coder' });
    const { hits, context } = await coder.recall('what is the parser?');
    expect(hits[0]?.memory.content).toBe('The parser is recursive.');
    expect(context).toContain('The parser is recursive.');
    const revised = await coder.revise({ id: memory.id, expectedVersion: 1, content: 'The parser is a table.' });
    expect(revised.version).toBe(2);
    await coder.forget(memory.id);
    expect((await coder.recall({ query: 'parser', limit: 3 })).hits).toEqual([]);
  });

  it('tells failures with the code, and the field that was wrong', async () => {
    const failure = await coder.memorize({ content: '', type: 'EPISODIC' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommonplaceFailure);
    expect(failure).toMatchObject({ code: 'BAD_INPUT', details: { field: 'input.content' } });
    const nobody = new CommonplaceClient({ url: api.url, key: 'nobody' });
    await expect(nobody.recall('x')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const nowhere = new CommonplaceClient({ url: 'http://127.0.0.1:1', key: 'x' });
    await expect(nowhere.recall('x')).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(() => new CommonplaceClient({ url: 'nonsense', key: 'x' })).toThrow('is no URL');
  });

  it('asks again after a passing failure, and a mutation only where it was not begun', async () => {
    let code = 'UNAVAILABLE';
    let asked = 0;
    const busy = createServer((request, response) => {
      asked++;
      request.resume();
      response.end(JSON.stringify({ errors: [{ message: 'busy', extensions: { code, retryAfterMs: 1 } }] }));
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const client = new CommonplaceClient({ url: `http://127.0.0.1:${(busy.address() as AddressInfo).port}`, key: 'x' });
    const times = async (work: () => Promise<unknown>): Promise<number> => {
      asked = 0;
      await expect(work()).rejects.toMatchObject({ code });
      return asked;
    };
    // It may be lost behind the commit: asked again, it was stored twice.
    expect(await times(() => client.memorize({ content: 'x', type: 'EPISODIC' }))).toBe(1);
    expect(await times(() => client.recall('x'))).toBe(3);
    code = 'RATE_LIMITED';
    expect(await times(() => client.memorize({ content: 'x', type: 'EPISODIC' }))).toBe(3);
    busy.close();
  });

  it('ends a request when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(coder.recall('x', { signal })).rejects.toThrow('enough');
  });
});

describe('its feed', () => {
  it('tells what happens from now on, and ends when it is left', async () => {
    const feed = coder.feed();
    const first = feed.next();
    // The cursor is taken with the first step, before anything that follows it.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { memory } = await coder.memorize({ content: 'Told of by the feed.', type: 'EPISODIC' });
    const { value } = await first;
    expect(value).toMatchObject({
      kind: 'MEMORIZED',
      memoryId: memory.id,
      memory: { content: 'Told of by the feed.' },
    });
    await feed.return();
    for (let n = 0; n < 100 && api.broker.feed.subscribers > 0; n++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(api.broker.feed.subscribers).toBe(0);
  });

  it('goes on behind the cursor that it is given, and each event comes once', async () => {
    const cursor = (await coder.request<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
    for (let n = 0; n < 5; n++) await coder.memorize({ content: `Number ${n} of five`, type: 'EPISODIC' });
    const seen: FeedEvent[] = [];
    for await (const event of coder.feed({ after: cursor })) if (seen.push(event) === 2) break;
    for await (const event of coder.feed({ after: seen[1]?.cursor })) if (seen.push(event) === 5) break;
    expect(seen.map(({ memory }) => memory?.content)).toEqual([0, 1, 2, 3, 4].map((n) => `Number ${n} of five`));
  });

  it('ends when it is told to', async () => {
    const after = (await coder.request<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
    // At once, while it connects, and when it is connected.
    for (const ms of [0, 5, 300]) {
      const stop = new AbortController();
      const next = coder.feed({ after, signal: stop.signal }).next();
      setTimeout(() => stop.abort(), ms);
      expect(await next).toEqual({ done: true, value: undefined });
    }
  });

  it('fails where coming back would change nothing', async () => {
    const nobody = new CommonplaceClient({ url: api.url, key: 'nobody', webSocket: WebSocket });
    await expect(nobody.feed().next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(nobody.feed({ after: 'x' }).next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(coder.feed({ after: 'nonsense' }).next()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});

describe('its tools for models', () => {
  it('answer the calls of OpenAI, wrong ones too', async () => {
    const { tools, answer } = await openAiTools(coder);
    expect(tools.map((tool) => tool.function.name)).toContain('remember');
    const call = (id: string, name: string, given: string) => ({
      id,
      type: 'function',
      function: { name, arguments: given },
    });
    const stored = {
      content: 'The lexer is greedy.',
      memory_type: 'declarative',
      user_id: null,
      importance: null,
      pool: null,
    };
    const answers = await answer([
      call('1', 'memorize', JSON.stringify(stored)),
      call('2', 'remember', '{"query":"lexer","user_id":null,"max_results":1,"pool":null}'),
      call('3', 'remember', '{"query":'),
      call('4', 'remember', '[]'),
      call('5', 'recall', '{}'),
      // Both were thrown at the loop of the agent: arguments had at most 16 KB.
      call('6', 'memorize', JSON.stringify({ ...stored, content: '字'.repeat(30_000) })),
      call('7', 'memorize', JSON.stringify({ ...stored, content: 'half \u0000 of it' })),
    ]);
    expect(answers.map(({ role, tool_call_id }) => [role, tool_call_id])).toEqual(
      ['1', '2', '3', '4', '5', '6', '7'].map((id) => ['tool', id]),
    );
    expect(answers.map(({ content }) => content)).toEqual([
      expect.stringContaining('Memorized.'),
      expect.stringContaining('The lexer is greedy.'),
      expect.stringContaining('no JSON'),
      expect.stringContaining('query: is missing'),
      expect.stringContaining('There is no tool "recall"'),
      expect.stringContaining('Memorized.'),
      expect.stringContaining('NUL character'),
    ]);
    expect(await answer(undefined)).toEqual([]);
  });

  it('run in the Vercel AI SDK', async () => {
    const model = callsThenSays([
      { name: 'memorize', given: { content: 'The cache is warm.', memory_type: 'episodic' } },
      { name: 'remember', given: { query: 'cache', max_results: 1 } },
      { name: 'remember', given: { query: '' } },
    ]);
    const tools = await aiSdkTools(coder);
    const { steps, text } = await generateText({ model, prompt: 'Go on.', tools, stopWhen: stepCountIs(8) });
    const told = JSON.stringify(steps.map(({ content }) => content));
    expect(told).toContain('Memorized.');
    expect(told).toContain('The cache is warm.');
    expect(JSON.stringify(model.doGenerateCalls.at(-1)?.prompt)).toContain('query: is empty');
    expect(text).toBe('That is all.');
  });
});
