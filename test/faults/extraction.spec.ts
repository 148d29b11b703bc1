import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { CHAT_FAILURES, ChatServer, type ChatFailureKind } from '../support/chat-server.js';
import {
  converse,
  extraction,
  RETRY,
  said,
  settled,
  suggesting,
  type ShownExtraction,
} from '../support/conversations.js';

const MOST_ATTEMPTS = 2;

let server: ChatServer;
let api: TestApi;
beforeAll(async () => {
  server = await ChatServer.start();
  api = await startTestApi({ ...server.env, LLM_TIMEOUT_MS: '1000' }, undefined, {
    extraction: { mostAttempts: MOST_ATTEMPTS },
  });
});
afterEach(() => {
  server.fail(null);
  server.refuses = false;
});
afterAll(async () => {
  await api.close();
  await server.close();
});

const LEARNT = { content: 'What is learnt in the end.' };

describe('a model that fails', () => {
  it.each(Object.keys(CHAT_FAILURES).filter((kind) => !kind.includes('come back')) as ChatFailureKind[])(
    'and %s keeps no turn from being stored, and nothing from being learnt later',
    async (kind) => {
      const one = await startTestApi({ ...server.env, LLM_TIMEOUT_MS: '1000' });
      const coder = await one.agent('coder');
      server.reply = suggesting(LEARNT);
      server.fail(kind);
      const { results, extraction: begun } = await converse(coder, [said('USER', `It ${kind}`)]);
      expect(results).toHaveLength(1);
      const waiting = await settled(coder, begun.id, ({ attempts }) => attempts > 0);
      expect(waiting).toMatchObject({ status: 'QUEUED', derived: [], error: expect.stringMatching(/language model/) });
      server.fail(null);
      const done = await settled(coder, begun.id);
      await one.close();
      expect(done).toMatchObject({ status: 'SUCCEEDED', error: null, derived: [LEARNT] });
    },
  );

  it('for good has the extraction FAILED with a plain word; tried again once it works, nothing is lost', async () => {
    const coder = await api.agent('coder');
    server.reply = suggesting(LEARNT);
    await server.close();
    const { extraction: begun } = await converse(coder, [said('USER', 'Is anybody there?')]);
    const failed = await settled(coder, begun.id);
    expect(failed).toMatchObject({ status: 'FAILED', attempts: MOST_ATTEMPTS, derived: [] });
    expect(failed.error).toMatch(/^the language model cannot be reached/);
    await server.listen();
    const { retryExtraction } = await coder.ask<{ retryExtraction: ShownExtraction }>(RETRY, { id: begun.id });
    expect(retryExtraction).toMatchObject({ status: 'QUEUED', attempts: 0, error: null });
    expect(await settled(coder, begun.id)).toMatchObject({ status: 'SUCCEEDED', derived: [LEARNT] });
    expect(await coder.code(RETRY, { id: begun.id })).toBe('CONFLICT');
  });

  it('as it refuses the request has the extraction FAILED at once', async () => {
    const coder = await api.agent('coder');
    server.refuses = true;
    const { extraction: begun } = await converse(coder, [said('USER', 'Take this')]);
    expect(await settled(coder, begun.id)).toMatchObject({ status: 'FAILED', attempts: 1 });
  });

  it('in the middle of a long conversation has what was learnt before kept, and nothing learnt twice', async () => {
    const coder = await api.agent('coder');
    server.reply = suggesting({ content: 'Of the first part.', of: 'first' });
    const messages = ['first', 'second'].map((part) => said('USER', `${part} ${'of a long talk '.repeat(1_500)}`));
    let asked = 0;
    const reply = server.reply;
    server.reply = (request) => {
      if (++asked > 1) server.fail('answers 500');
      return reply(request);
    };
    const { extraction: begun } = await converse(coder, messages);
    const half = await settled(coder, begun.id, ({ attempts }) => attempts > 0);
    expect(half).toMatchObject({ turnsRead: 1, derived: [{ content: 'Of the first part.' }] });
    server.fail(null);
    server.reply = suggesting({ content: 'Of the second part.', of: 'second' });
    const done = await settled(coder, begun.id);
    expect(done.status).toBe('SUCCEEDED');
    expect(done.derived.map(({ content }) => content)).toEqual(['Of the first part.', 'Of the second part.']);
  });
});

describe('a model that fails once at each part of a long conversation', () => {
  it('is asked again as often for the next: more failures than one part may have do not end it', async () => {
    const coder = await api.agent('coder');
    const asked = new Map<string, number>();
    server.reply = (request) => {
      const text = request.messages.map(({ content }) => content).join('');
      const part = ['first', 'second', 'third'].find((name) => text.includes(`${name} of a long talk`)) as string;
      asked.set(part, (asked.get(part) ?? 0) + 1);
      // The adapter tries three times itself.
      server.fail((asked.get(part) as number) <= 3 ? 'answers 500' : null);
      return suggesting({ content: `Of the ${part} part.`, of: part })(request);
    };
    const parts = ['first', 'second', 'third'];
    const messages = parts.map((part) => said('USER', `${part} ${'of a long talk '.repeat(1_500)}`));
    const { extraction: begun } = await converse(coder, messages);
    const done = await settled(coder, begun.id);
    expect(done).toMatchObject({ status: 'SUCCEEDED', turnsRead: 3 });
    expect(done.derived.map(({ content }) => content)).toEqual(parts.map((part) => `Of the ${part} part.`));
    expect([...asked.values()]).toEqual([4, 4, 4]);
  });
});

describe('without a model', () => {
  it('the turns are stored, and it says so; a model that comes later may be asked then', async () => {
    const bare = await startTestApi();
    const coder = await bare.agent('coder');
    const { results, extraction: begun } = await converse(coder, [said('USER', 'Nobody reads this')]);
    expect(results[0]).toMatchObject({ outcome: 'CREATED', memory: { content: 'Nobody reads this' } });
    expect(begun).toMatchObject({ status: 'SKIPPED', error: expect.stringMatching(/No language model is configured/) });
    expect(await extraction(coder, begun.id)).toMatchObject({ status: 'SKIPPED', turns: [{}], derived: [] });
    expect(await coder.code(RETRY, { id: begun.id })).toBe('UNAVAILABLE');
    await bare.close();
  });
});
