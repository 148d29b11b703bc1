import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type WebSocket from 'ws';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { countMemories, memorize } from '../support/memories.js';
import { RawSocket, type Frame } from '../support/raw-socket.js';

const FEED = 'subscription { memoryFeed { id memoryId } }';

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi({ WS_ALLOWED_ORIGINS: 'https://console.example, https://other.example' });
  coder = await api.agent('coder');
});
afterAll(() => api.close());
/** Whatever was sent to it, the broker goes on for everybody else. */
afterEach(async () => {
  expect(await coder.ask('{ viewer { role } }')).toEqual({ viewer: { role: 'coder' } });
});

const open = () => RawSocket.open(api.url);
const begin = () => RawSocket.begin(api.url, coder.key);
const codesOf = (frame: Frame) =>
  (frame.payload as { extensions: { code: string; field?: string } }[]).map(({ extensions }) => extensions.code);

describe('the upgrade', () => {
  it.each([
    ['of a page of anybody', { origin: 'https://evil.example' }, '403'],
    ['of a page whose name only begins alike', { origin: 'https://console.example.evil.example' }, '403'],
    ['of a page of no origin', { origin: 'null' }, '403'],
    ['on another path', { path: '/other' }, '404'],
  ])('%s is refused', async (_, options, status) => {
    await expect(RawSocket.open(api.url, options)).rejects.toThrow(`Unexpected server response: ${status}`);
  });

  it('for another protocol is not agreed to', async () => {
    await expect(RawSocket.open(api.url, { protocols: ['graphql-ws'] })).rejects.toThrow('Server sent no subprotocol');
  });

  it('of its own page, of a listed one and of a program is let in', async () => {
    for (const origin of [api.url, 'https://console.example', 'https://other.example', undefined]) {
      const socket = await RawSocket.open(api.url, { origin });
      socket.send({ type: 'ping' });
      expect(await socket.next()).toEqual({ type: 'pong' });
      await socket.close();
    }
  });
});

describe('a socket is closed', () => {
  it('with 4406 where no protocol was named', async () => {
    expect(await (await RawSocket.open(api.url, { protocols: [] })).closed).toMatchObject({ code: 4406 });
  });

  it.each<[string, string | Buffer]>([
    ['no JSON', 'hello'],
    ['an empty text', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['a frame without a type', '{}'],
    ['a frame of an unknown type', '{"type":"nonsense"}'],
    ['bytes', Buffer.from([0, 159, 146, 150])],
    ['a subscription without an id', `{"type":"subscribe","payload":{"query":"${FEED}"}}`],
    ['a subscription with an empty id', `{"id":"","type":"subscribe","payload":{"query":"${FEED}"}}`],
    ['a subscription without a query', '{"id":"1","type":"subscribe","payload":{}}'],
    ['a query that is no text', '{"id":"1","type":"subscribe","payload":{"query":{}}}'],
    ['variables that are no object', `{"id":"1","type":"subscribe","payload":{"query":"${FEED}","variables":"x"}}`],
  ])('with 4400 for %s', async (_, frame) => {
    const socket = await begin();
    socket.send(frame);
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  it.each(['connection_ack', 'next', 'error'])('for a frame that only a server sends: %s', async (type) => {
    // graphql-ws says so itself, past the log: no more than the type of the frame.
    const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const socket = await begin();
    const payload = type === 'error' ? [{ message: 'secret' }] : { data: { secret: 1 } };
    socket.send({ id: '1', type, payload });
    expect((await socket.closed).code).toBeGreaterThanOrEqual(4400);
    expect(String(said.mock.calls)).not.toContain('secret');
    said.mockRestore();
  });

  it('with 4401 for a subscription before the init', async () => {
    const socket = await open();
    socket.subscribe('1', FEED);
    expect(await socket.closed).toMatchObject({ code: 4401 });
  });

  it.each<[string, unknown]>([
    ['no payload', undefined],
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer cpl_wrong' }],
    ['a key without its scheme', { authorization: 'none' }],
    ['a key that is no text', { authorization: { toString: 'x' } }],
    ['a key under __proto__', JSON.parse('{"__proto__": {"authorization": "Bearer x"}}')],
  ])('with 4403 for an init with %s', async (_, payload) => {
    const socket = await open();
    socket.send({ type: 'connection_init', payload });
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect(socket.frames).toEqual([]);
  });

  it('with 1013 for a good key that asks too often: clients that hear 4403 do not come back', async () => {
    const busy = await startTestApi({ RATE_LIMIT_PER_MINUTE: '3' });
    const agent = await busy.agent('tester');
    for (let nth = 0; nth < 3; nth++) await agent.ask('{ feedCursor }');
    const socket = await RawSocket.open(busy.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${agent.key}` } });
    expect(await socket.closed).toMatchObject({ code: 1013 });
    await busy.close();
  });

  it('with 4408 where no init comes in time', async () => {
    const socket = await open();
    socket.send({ type: 'ping' });
    expect(await socket.closed).toMatchObject({ code: 4408 });
  });

  it('with 4409 for an id that is in use', async () => {
    const socket = await begin();
    socket.subscribe('same', FEED);
    socket.subscribe('same', FEED);
    expect(await socket.closed).toMatchObject({ code: 4409 });
  });

  it('with 4429 for a second init', async () => {
    const socket = await begin();
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${coder.key}` } });
    expect(await socket.closed).toMatchObject({ code: 4429 });
  });

  it('with 4429 for more than 20 subscriptions at once', async () => {
    const socket = await begin();
    for (let id = 1; id <= 21; id++) socket.subscribe(`s${id}`, FEED);
    expect(await socket.closed).toMatchObject({ code: 4429 });
  });

  it('with 1009 for a frame of more than 64 KB', async () => {
    const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const socket = await begin();
    socket.subscribe('1', FEED, { variables: { padding: 'secret'.repeat(10_923) } });
    expect(await socket.closed).toMatchObject({ code: 1009 });
    expect(String(said.mock.calls)).not.toContain('secret');
    said.mockRestore();
  });
});

describe('an operation over the socket', () => {
  const memorizing = 'mutation M { memorize(input: {content: "over a socket", type: EPISODIC}) { outcome } }';

  it.each<[string, string, Record<string, unknown>, string]>([
    ['a mutation', memorizing, {}, 'BAD_INPUT'],
    ['a query', '{ viewer { id } }', {}, 'BAD_INPUT'],
    ['introspection', '{ __schema { types { name } } }', {}, 'BAD_INPUT'],
    [
      'a mutation beside a subscription',
      `${memorizing} subscription S { memoryFeed { id } }`,
      { operationName: 'M' },
      'BAD_INPUT',
    ],
    [
      'an operation that is not there',
      `${memorizing} subscription S { memoryFeed { id } }`,
      { operationName: 'X' },
      'BAD_INPUT',
    ],
    ['two feeds in one', 'subscription { a: memoryFeed { id } b: memoryFeed { id } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['a field that is not there', 'subscription { memoryFeed { secret } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['no GraphQL', 'subscription {', {}, 'GRAPHQL_PARSE_FAILED'],
    ['too many tokens', `subscription { memoryFeed { ${'id '.repeat(10_000)} } }`, {}, 'GRAPHQL_PARSE_FAILED'],
    [
      'too many aliases',
      `subscription { memoryFeed { ${Array.from({ length: 51 }, (_, index) => `a${index}: id`).join(' ')} } }`,
      {},
      'BAD_INPUT',
    ],
    [
      'a field below itself',
      'subscription { memoryFeed { memory { derivedFrom { derivedFrom { id } } } } }',
      {},
      'BAD_INPUT',
    ],
    [
      'a circle of fragments',
      'subscription { memoryFeed { ...A } } fragment A on MemoryEvent { memory { pool { id } } ...A }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('is refused for %s, and the socket stays open', async (_, query, rest, code) => {
    const before = await countMemories(api);
    const socket = await begin();
    socket.subscribe('1', query, rest);
    const refusal = await socket.next();
    expect(refusal).toMatchObject({ id: '1', type: 'error' });
    expect(codesOf(refusal)).toContain(code);
    expect(JSON.stringify(refusal)).not.toMatch(/INTERNAL|Did you mean/);
    socket.send({ type: 'ping', payload: { still: 'here' } });
    expect(await socket.next()).toEqual({ type: 'pong', payload: { still: 'here' } });
    expect(await countMemories(api)).toBe(before);
    await socket.close();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a type that there is not', { types: ['ROMANTIC'] }, 'input.types.0'],
    ['a field that there is not', { secret: 1 }, 'input.secret'],
    ['a pool that is not there', { pools: ['nowhere'] }, 'input.pools.0'],
    ['too many pools', { pools: Array.from({ length: 101 }, () => 'coder') }, 'input.pools'],
    ['an entity that is too long', { entityId: 'e'.repeat(257) }, 'input.entityId'],
    ['an entity that is empty', { entityId: '' }, 'input.entityId'],
    ['an entity with NUL', { entityId: 'a\u0000' }, 'input.entityId'],
    ['a cursor that nobody made', { after: 'AAAA' }, 'input.after'],
  ])('is refused for %s, as BAD_INPUT that names it', async (_, input, field) => {
    const socket = await begin();
    socket.subscribe('1', 'subscription ($input: FeedInput) { memoryFeed(input: $input) { id } }', {
      variables: { input },
    });
    const { payload } = await socket.next();
    const errors = Array.isArray(payload) ? payload : (payload as { errors: unknown[] }).errors;
    expect(errors).toEqual([expect.objectContaining({ extensions: { code: 'BAD_INPUT', field } })]);
    await socket.close();
  });

  it('may take an id again that was completed', async () => {
    const socket = await begin();
    for (const round of ['first', 'second']) {
      const { feedCursor: after } = await coder.ask<{ feedCursor: string }>('{ feedCursor }');
      socket.subscribe('again', 'subscription ($after: String) { memoryFeed(input: {after: $after}) { memoryId } }', {
        variables: { after },
      });
      const memoryId = await memorize(coder, { content: `told over a socket, ${round}` });
      expect(await socket.next()).toEqual({
        id: 'again',
        type: 'next',
        payload: { data: { memoryFeed: { memoryId } } },
      });
      socket.send({ id: 'again', type: 'complete' });
    }
    await socket.close();
  });
});

describe('the sockets of one principal', () => {
  it('are at most 50, and those that left in the middle of the init do not count', async () => {
    const agent = await api.agent('tester');
    const init: Frame = { type: 'connection_init', payload: { authorization: `Bearer ${agent.key}` } };
    for (let round = 0; round < 60; round++) {
      const socket = await open();
      socket.send(init);
      (socket.socket as WebSocket).terminate();
      await socket.closed;
    }
    const sockets = await Promise.all(Array.from({ length: 50 }, () => RawSocket.begin(api.url, agent.key)));
    const oneTooMany = await open();
    oneTooMany.send(init);
    expect(await oneTooMany.closed).toMatchObject({ code: 4403 });
    await Promise.all(sockets.map((socket) => socket.close()));
    await (await RawSocket.begin(api.url, agent.key)).close();
  });
});
