import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { CHAT_FAILURES, ChatServer, type ChatFailureKind } from '../../../test/support/chat-server.js';
import type { ChatError, ChatModel } from './chat-model.js';
import { createChatModel } from './create-chat-model.js';

let server: ChatServer;
beforeAll(async () => {
  server = await ChatServer.start();
});
afterAll(() => server.close());
beforeEach(() => {
  server.fail(null);
  server.refuses = false;
  server.requests.length = 0;
});

const model = (timeoutMs = 5_000, at = server): ChatModel =>
  createChatModel({
    model: 'test',
    timeoutMs,
    baseUrl: at.env['OPENAI_BASE_URL'],
    apiKey: undefined,
  }) as ChatModel;
const form = {
  name: 'facts',
  schema: z.strictObject({ facts: z.array(z.string().max(10)).max(2), from: z.enum(['a', 'b']).nullable() }),
};
const messages = [{ role: 'user' as const, content: 'What is so?' }];
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    ({ failure, attempts }: ChatError) => ({ failure, attempts }),
  );

describe('a form', () => {
  it('is sent as a strict JSON schema, without the bounds that servers refuse', async () => {
    server.reply = () => ({ facts: ['water'], from: 'a' });
    expect(await model().fill(messages, form)).toEqual({ answer: { facts: ['water'], from: 'a' }, attempts: 1 });
    expect(server.requests[0]?.response_format).toEqual({
      type: 'json_schema',
      json_schema: {
        name: 'facts',
        strict: true,
        schema: {
          type: 'object',
          properties: {
            facts: { type: 'array', items: { type: 'string' } },
            from: { anyOf: [{ type: 'string', enum: ['a', 'b'] }, { type: 'null' }] },
          },
          required: ['facts', 'from'],
          additionalProperties: false,
        },
      },
    });
  });

  it('may come in a fence', async () => {
    server.reply = () => '```json\n{"facts": [], "from": null}\n```';
    expect((await model().fill(messages, form)).answer).toEqual({ facts: [], from: null });
  });

  it.each([
    ['too long a text', { facts: ['x'.repeat(11)], from: null }],
    ['too many', { facts: ['a', 'b', 'c'], from: null }],
    ['a name that is not in the list', { facts: [], from: 'c' }],
    ['a field that was not asked for', { facts: [], from: null, more: 1 }],
    ['a field less', { facts: [] }],
    ['another type', { facts: 'water', from: null }],
    ['a list', []],
  ])('that holds %s is tried again, and then given up', async (_, answer) => {
    server.reply = () => answer;
    const one = model();
    expect(await failureOf(one.fill(messages, form))).toEqual({ failure: 'WRONG', attempts: 3 });
    expect(server.requests).toHaveLength(3);
  });

  it('says where it is wrong, and nothing of what it holds', async () => {
    server.reply = () => ({ facts: ['zqsecret zqsecret'], from: null });
    const error = await model()
      .fill(messages, form)
      .catch((one: ChatError) => one);
    expect((error as ChatError).message).toMatch(/at facts\.0$/);
    expect((error as ChatError).message).not.toContain('zqsecret');
  });
});

describe('a model', () => {
  it.each(Object.keys(CHAT_FAILURES) as ChatFailureKind[])('that %s fails, and within its time', async (kind) => {
    server.reply = () => ({ facts: ['water'], from: null });
    server.fail(kind);
    expect(await failureOf(model(kind === 'never answers' ? 400 : 5_000).fill(messages, form))).toMatchObject({
      failure: expect.stringMatching(/^(AWAY|LATE|WRONG)$/),
    });
  });

  it.each(Object.keys(CHAT_FAILURES).filter((kind) => !/never|come back/.test(kind)) as ChatFailureKind[])(
    'that %s once is asked again',
    async (kind) => {
      // Of its own: a request that another test gave up may still arrive at the other.
      const own = await ChatServer.start();
      own.reply = () => ({ facts: ['water'], from: null });
      own.fail(kind, 1);
      const made = await model(5_000, own).fill(messages, form);
      await own.close();
      expect(made).toEqual({ answer: { facts: ['water'], from: null }, attempts: 2 });
    },
  );

  it('that refuses is not asked again', async () => {
    server.refuses = true;
    expect(await failureOf(model().write(messages))).toEqual({ failure: 'REFUSED', attempts: 1 });
  });

  it('that is not there is away', async () => {
    await server.close();
    expect(await failureOf(model().write(messages))).toMatchObject({ failure: 'AWAY' });
    await server.listen();
  });

  it('that is not configured is none', () => {
    expect(createChatModel(undefined)).toBeUndefined();
  });
});
