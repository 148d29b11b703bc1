import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { ChatServer, FAILS_WITHOUT_FORM, type ChatFailureKind } from '../support/chat-server.js';
import { memorize } from '../support/memories.js';
import { allow, deny, editPolicy } from '../support/policy.js';

let server: ChatServer;
let api: TestApi;
/** Without a model. */
let bare: TestApi;
let coder: TestClient & { id: string };

beforeAll(async () => {
  server = await ChatServer.start();
  api = await startTestApi(server.env);
  bare = await startTestApi();
  coder = await api.agent('coder');
});
afterEach(() => {
  server.fail(null);
  server.refuses = false;
  server.requests.length = 0;
});
afterAll(async () => {
  await api.close();
  await bare.close();
  await server.close();
});

interface Completed {
  text: string;
  source: string;
  degraded: boolean;
  missing: string[];
  attempts: number;
  memories: { id: string; content: string }[];
  recalled: { id: string }[];
  remembered: {
    outcome: string;
    memory: { id: string; content: string; type: string; derivedFrom: { id: string }[] };
  } | null;
  notRemembered: string | null;
}
const COMPLETE = `mutation ($input: CompleteInput!) { complete(input: $input) { text source degraded missing attempts
  memories { id content } recalled { id } notRemembered
  remembered { outcome memory { id content type derivedFrom { id } } } } }`;

const complete = async (client: TestClient, task: string, rest: object = {}): Promise<Completed> =>
  (await client.ask<{ complete: Completed }>(COMPLETE, { input: { task, ...rest } })).complete;
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id).sort();

/** What the model was sent last. */
const prompt = () =>
  server.requests
    .at(-1)
    ?.messages.map(({ content }) => content)
    .join('\n') ?? '';

describe('complete, with a language model,', () => {
  it('answers with what the model says, and puts what the caller may recall into the prompt', async () => {
    const fact = await memorize(coder, { content: 'The quartz build needs node 24', type: 'DECLARATIVE' });
    const how = await memorize(coder, { content: 'Quartz builds: run make quartz', type: 'PROCEDURAL' });
    const answer = await complete(coder, 'How do I build quartz?');
    expect(answer).toMatchObject({ source: 'LLM', degraded: false, missing: [], attempts: 1, memories: [] });
    expect(ids(answer.recalled)).toEqual([fact, how].sort());
    expect(answer.text).toContain('How do I build quartz?');
    expect(prompt()).toContain('run make quartz');
  });

  it('tells the model which of it are instructions, and where those come from', async () => {
    const mark = /^--- begin (\S+)$/m.exec((await complete(coder, 'How do I build quartz?')).text)?.[1] as string;
    const told = server.requests[0]?.messages[1]?.content as string;
    const [instructions, data] = told.split('# DATA') as [string, string];
    expect(instructions).toContain('# INSTRUCTIONS');
    expect(instructions).toMatch(/\[coder, by a coder, [\w-]{36}\]\n {2}Quartz builds: run make quartz/);
    expect(data).toContain('The quartz build needs node 24');
    expect(told.startsWith(`--- begin ${mark}`) && told.endsWith(`--- end ${mark}`)).toBe(true);
  });

  it('marks each prompt with a mark of its own, which no memory can hold', async () => {
    const marks = new Set<string>();
    for (let n = 0; n < 3; n++) {
      await complete(coder, 'How do I build quartz?');
      marks.add(/^--- begin (\S+)$/m.exec(prompt())?.[1] as string);
    }
    expect(marks.size).toBe(3);
  });

  it('puts nothing into the prompt that the caller may not recall, or does not want there', async () => {
    const planner = await api.agent('planner');
    await memorize(planner, { content: 'The quartz plan is zqsecret', type: 'PROCEDURAL' });
    const tester = await api.agent('tester');
    const answer = await complete(tester, 'What of quartz?');
    expect(answer.recalled.length).toBeGreaterThan(0);
    expect(prompt()).not.toContain('zqsecret');
    await complete(coder, 'What of quartz?', { useMemory: false });
    expect(prompt()).not.toContain('make quartz');
  });

  it('puts no content into the prompt that the policy hides from the caller', async () => {
    const hidden = deny('tester', ['READ'], ['coder'], { id: 'mask', fields: ['content'] });
    await editPolicy(api.admin, (statements) => [...statements, hidden]);
    const tester = await api.agent('tester');
    await complete(tester, 'What of quartz?');
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'mask'));
    expect(prompt()).not.toContain('make quartz');
  });

  it('keeps an answer as a procedure when it is asked to, with what it came from', async () => {
    server.reply = () => 'Run make topaz, then sign it.';
    await memorize(coder, { content: 'Topaz is signed with the team key', type: 'DECLARATIVE', entityId: 'topaz' });
    const { remembered, recalled } = await complete(coder, 'How is topaz released?', {
      entityId: 'topaz',
      rememberAnswer: true,
    });
    expect(remembered).toMatchObject({
      outcome: 'CREATED',
      memory: { type: 'PROCEDURAL', content: 'How is topaz released?\n\nRun make topaz, then sign it.' },
    });
    expect(ids(remembered?.memory.derivedFrom ?? [])).toEqual(ids(recalled));
    expect(recalled).toHaveLength(1);
  });

  it('keeps it under the rights of the caller, and answers also where it may not be kept', async () => {
    const proposed = await complete(coder, 'How is topaz sold?', { rememberAnswer: true, pool: 'shared' });
    expect(proposed.remembered?.outcome).toBe('PROPOSED');
    const refused = await complete(coder, 'How is topaz sold?', { rememberAnswer: true, pool: 'planner' });
    expect(refused).toMatchObject({ source: 'LLM', remembered: null });
    expect(refused.notRemembered).toMatch(/WRITE/);
    expect((await complete(coder, 'How is topaz sold?')).remembered).toBeNull();
  });

  it('tries again, and says how often', async () => {
    server.fail('answers 500', 1);
    expect(await complete(coder, 'topaz?')).toMatchObject({ source: 'LLM', attempts: 2 });
    server.fail('answers half of its JSON', 2);
    expect(await complete(coder, 'topaz?')).toMatchObject({ source: 'LLM', attempts: 3 });
  });
});

describe('complete, where the model fails,', () => {
  /** A broker of its own for each, for the breaker of one would answer for the next. */
  async function failing(fail: () => void): Promise<{ answer: Completed; how: string; asked: number }> {
    const one = await startTestApi({ ...server.env, LLM_TIMEOUT_MS: '1000' });
    try {
      const agent = await one.agent('coder');
      const how = await memorize(agent, { content: 'Opal: run make opal', type: 'PROCEDURAL', entityId: 'opal' });
      await memorize(agent, { content: 'Opal is blue', type: 'DECLARATIVE', entityId: 'opal' });
      fail();
      const before = server.requests.length;
      const answer = await complete(agent, 'How do I make opal?', { entityId: 'opal', rememberAnswer: true });
      return { answer, how, asked: server.requests.length - before };
    } finally {
      await one.close();
    }
  }

  it.each(FAILS_WITHOUT_FORM)('as it %s, answers with the procedures of the entity', async (kind: ChatFailureKind) => {
    const { answer, how, asked } = await failing(() => server.fail(kind));
    expect(answer).toMatchObject({ source: 'MEMORY', degraded: true, missing: ['LLM'] });
    expect(asked).toBeGreaterThanOrEqual(1);
    // On a busy machine the end of all attempts may cut the last one off before it has come to the server.
    expect(answer.attempts).toBeGreaterThanOrEqual(asked);
    expect(answer.attempts).toBeLessThanOrEqual(3);
    expect(ids(answer.memories)).toEqual([how]);
    expect(answer.text).toContain('Opal: run make opal');
    expect(answer.text).not.toContain('blue');
    expect(answer.remembered).toBeNull();
  });

  it('as it refuses the connection, answers with the procedures too', async () => {
    const { answer } = await failing(() => void server.close());
    await server.listen();
    expect(answer).toMatchObject({ source: 'MEMORY', degraded: true, missing: ['LLM'] });
  });

  it('as it refuses the request, does not ask again', async () => {
    const { answer } = await failing(() => (server.refuses = true));
    expect(answer).toMatchObject({ source: 'MEMORY', attempts: 1 });
  });

  it('is not asked at all once it has failed five times in a row', async () => {
    const one = await startTestApi({ ...server.env, LLM_TIMEOUT_MS: '1000' });
    const agent = await one.agent('coder');
    server.fail('answers 500');
    for (let n = 0; n < 5; n++) await complete(agent, 'opal?');
    const before = server.requests.length;
    expect(await complete(agent, 'opal?')).toMatchObject({ source: 'NONE', attempts: 0 });
    expect(server.requests.length).toBe(before);
    await one.close();
  });
});

describe('complete, without a model,', () => {
  it('answers from memory, the best first, and says so', async () => {
    const agent = await bare.agent('coder');
    const content = 'Release of jade: tag it and wait for the build';
    const best = await memorize(agent, { content, type: 'PROCEDURAL', entityId: 'jade' });
    await memorize(agent, { content: 'Release of ruby: ask Eve', type: 'PROCEDURAL', entityId: 'ruby' });
    const answer = await complete(agent, 'How is the release of jade done?', { entityId: 'jade' });
    expect(answer).toMatchObject({ source: 'MEMORY', degraded: true, missing: ['LLM'], attempts: 0 });
    expect(ids(answer.memories)).toEqual([best]);
    expect(answer.text).toContain(`1. ${content}`);
    expect(answer.text).toContain('coder, by a coder');
    const all = await complete(agent, 'How is the release of jade done?');
    expect(all.memories.map(({ content }) => content)[0]).toBe(content);
    expect(all.memories).toHaveLength(2);
  });

  it('answers with a plain sentence where nothing fits', async () => {
    const agent = await bare.agent('tester');
    const answer = await complete(agent, 'How do I fold a swan?', { rememberAnswer: true });
    expect(answer).toMatchObject({ source: 'NONE', degraded: true, memories: [], attempts: 0, remembered: null });
    expect(answer.text).toMatch(/^The language model does not answer, and nothing that you may read/);
    expect(answer.notRemembered).toMatch(/Only an answer of the language model/);
  });

  it('answers nobody with what they may not read', async () => {
    const planner = await bare.agent('planner');
    await memorize(planner, { content: 'Swan: fold it zqtwice', type: 'PROCEDURAL' });
    const answer = await complete(await bare.agent('tester'), 'How do I fold a swan?');
    expect(answer).toMatchObject({ source: 'NONE', memories: [] });
    expect(JSON.stringify(answer)).not.toContain('zqtwice');
  });

  it('refuses a task that is none, by its field', async () => {
    const codes = await Promise.all(
      ['', ' ', 'x'.repeat(8_193)].map(
        async (task) => (await bare.admin.send(COMPLETE, { input: { task } })).errors?.[0],
      ),
    );
    expect(codes.map((one) => [one?.extensions.code, one?.extensions.field])).toEqual(
      Array.from({ length: 3 }, () => ['BAD_INPUT', 'input.task']),
    );
  });
});

describe('a policy that wants instructions of certain roles only', () => {
  it('lets others write what is no instruction, and keeps theirs out of every prompt and answer', async () => {
    await editPolicy(bare.admin, (statements) => [
      ...statements,
      allow('tester', ['WRITE'], ['shared'], { id: 'write' }),
      deny('tester', ['WRITE', 'PROPOSE'], ['shared'], { id: 'no-how', where: { type: { eq: 'PROCEDURAL' } } }),
    ]);
    const tester = await bare.agent('tester');
    await memorize(tester, { content: 'The pearl is round', type: 'DECLARATIVE', pool: 'shared' });
    const input = { content: 'Pearl: throw it away', type: 'PROCEDURAL', pool: 'shared' };
    const mutation = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome } }';
    expect(await tester.code(mutation, { input })).toBe('FORBIDDEN');
    const reviewer = await bare.agent('reviewer');
    const how = await memorize(reviewer, { content: 'Pearl: polish it', type: 'PROCEDURAL', pool: 'shared' });
    expect(ids((await complete(tester, 'What is done with a pearl?')).memories)).toEqual([how]);
  });

  it('keeps what is there already from readers, by the role of its author', async () => {
    const [planner, reader] = [await bare.agent('planner'), await bare.agent('coder')];
    const theirs = await memorize(planner, { content: 'Garnet: grind it', type: 'PROCEDURAL', pool: 'shared' });
    const fact = await memorize(planner, { content: 'The garnet is red', type: 'DECLARATIVE', pool: 'shared' });
    const recall = async () => {
      const text = 'query ($input: RecallInput!) { recall(input: $input) { hits { memory { id } } } }';
      const { recall: found } = await reader.ask<{ recall: { hits: { memory: { id: string } }[] } }>(text, {
        input: { query: 'garnet' },
      });
      return found.hits.map(({ memory }) => memory.id).sort();
    };
    expect(await recall()).toEqual([theirs, fact].sort());
    const where = { type: { eq: 'PROCEDURAL' }, authorRole: { nin: ['reviewer', 'admin'] } };
    await editPolicy(bare.admin, (statements) => [
      ...statements,
      deny('coder', ['READ'], ['*'], { id: 'of-few', where }),
    ]);
    expect(await recall()).toEqual([fact]);
    expect(ids((await complete(reader, 'What is done with a garnet?')).memories)).toEqual([]);
    const reviewer = await bare.agent('reviewer');
    const how = await memorize(reviewer, { content: 'Garnet: polish it', type: 'PROCEDURAL', pool: 'shared' });
    expect(ids((await complete(reader, 'What is done with a garnet?')).memories)).toEqual([how]);
  });
});
