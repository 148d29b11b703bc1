import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient, type RequestParams } from 'graphql-sse';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { activePolicy, deny, editPolicy, type Statement } from '../support/policy.js';

const FEED =
  'subscription ($input: FeedInput) { memoryFeed(input: $input) { kind cursor memoryId memory { content } } }';

let api: TestApi;
let planner: TestClient;
let coder: TestClient & { id: string };
let defaults: Statement[];
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  coder = await api.agent('coder');
  defaults = (await activePolicy(api.admin)).statements;
});
afterAll(() => api.close());

const cursorOf = async (client: TestClient): Promise<string> =>
  (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;

interface Told {
  memoryFeed: { kind: string; cursor: string; memoryId: string | null; memory: { content: string } | null };
}

/** As a browser reads it: fields of events, each with the id to come back with. */
class RawStream {
  text = '';
  ended = false;
  readonly closed: Promise<void>;

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (this.text += chunk));
    this.closed = new Promise((resolve) => {
      response.on('close', () => {
        this.ended = true;
        resolve();
      });
    });
  }

  static async open(client: TestClient, path: string, headers: Record<string, string> = {}): Promise<RawStream> {
    const outgoing = request(`${client.url}${path}`, {
      headers: { authorization: `Bearer ${client.key}`, ...headers },
    });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return new RawStream(response);
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere() && !this.ended) await Promise.race([once(this.response, 'data'), this.closed]);
  }

  events(): { id?: string; event?: string; data?: string }[] {
    const blocks = this.text.split('\n\n').filter((block) => block.includes('event:'));
    return blocks.map((block) =>
      Object.fromEntries(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      ),
    );
  }

  close(): void {
    this.response.destroy();
  }
}

const streamPath = (query: string, variables: object = {}) =>
  `/graphql/stream?${new URLSearchParams({ query, variables: JSON.stringify(variables) }).toString()}`;

describe('the feed as text/event-stream', () => {
  it('is what the client of GraphQL over SSE takes', async () => {
    const client = createClient({
      url: `${api.url}/graphql/stream`,
      headers: { authorization: `Bearer ${coder.key}` },
      retryAttempts: 0,
    });
    const after = await cursorOf(coder);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await memorize(planner, { content: `told over HTTP ${n}`, pool: 'shared' }));
    const subscription: RequestParams = { query: FEED, variables: { input: { after } } };
    const told: Told[] = [];
    for await (const { data } of client.iterate<Told>(subscription)) {
      told.push(data as Told);
      if (told.length === 3) break;
    }
    expect(told.map(({ memoryFeed }) => memoryFeed.memoryId)).toEqual(ids);
    client.dispose();
  });

  it('goes on behind the id of the last event that was read', async () => {
    const after = await cursorOf(coder);
    for (let n = 0; n < 6; n++) await memorize(planner, { content: `an event with an id ${n}`, pool: 'shared' });
    const first = await RawStream.open(coder, streamPath(FEED, { input: { after } }));
    expect(first.response.headers['content-type']).toMatch('text/event-stream');
    await first.until(() => first.events().length >= 6);
    const read = first.events();
    expect(read.map(({ event }) => event)).toEqual(Array(6).fill('next'));
    for (const { id, data } of read)
      expect((JSON.parse(data as string) as { data: Told }).data.memoryFeed.cursor).toBe(id);
    first.close();

    const second = await RawStream.open(coder, streamPath(FEED, { input: { after } }), {
      'last-event-id': read[2]?.id as string,
    });
    await second.until(() => second.events().length >= 3);
    const ids = (events: typeof read) =>
      events.map(({ data }) => (JSON.parse(data as string) as { data: Told }).data.memoryFeed.memoryId);
    expect(ids(second.events())).toEqual(ids(read.slice(3)));
    second.close();
  });

  it('ends with the reason, and with complete, when its access is taken', async () => {
    const stream = await RawStream.open(coder, streamPath(FEED, { input: { pools: ['planner'] } }));
    const first = await memorize(planner, { content: 'still for the coder' });
    await stream.until(() => stream.text.includes(first));
    await editPolicy(api.admin, (statements) => [...statements, deny('coder', ['READ'], ['planner'])]);
    await memorize(planner, { content: 'no longer for the coder' });
    await stream.until(() => stream.text.includes('event: complete'));
    expect(stream.text).toContain('ACCESS_REVOKED');
    expect(stream.text).not.toContain('no longer');
    await stream.closed;
    await editPolicy(api.admin, () => defaults);
  });

  it('leaves nothing behind when the client goes', async () => {
    const before = api.broker.feed.subscribers;
    const stream = await RawStream.open(coder, streamPath(FEED));
    expect(api.broker.feed.subscribers).toBe(before + 1);
    stream.close();
    while (api.broker.feed.subscribers > before) await new Promise(setImmediate);
  });

  it.each<[string, string, number, string, Record<string, string>]>([
    ['a query', '{ viewer { id } }', 400, 'BAD_INPUT', {}],
    ['a mutation', 'mutation { forget(id: "x") { id } }', 400, 'BAD_INPUT', {}],
    ['no GraphQL', 'subscription {', 400, 'GRAPHQL_PARSE_FAILED', {}],
    ['a field that is not there', 'subscription { memoryFeed { secret } }', 400, 'GRAPHQL_VALIDATION_FAILED', {}],
    [
      'a pool that is not there',
      'subscription { memoryFeed(input: {pools: ["nowhere"]}) { id } }',
      400,
      'BAD_INPUT',
      {},
    ],
    ['a cursor that nobody made', 'subscription { memoryFeed { id } }', 400, 'BAD_INPUT', { 'last-event-id': 'x' }],
    ['no key', 'subscription { memoryFeed { id } }', 401, 'UNAUTHENTICATED', { authorization: '' }],
  ])('answers %s with its code, and not with a stream', async (_, query, status, code, headers) => {
    const stream = await RawStream.open(coder, streamPath(query), headers);
    expect(stream.response.statusCode).toBe(status);
    await stream.closed;
    expect(JSON.parse(stream.text)).toMatchObject({ errors: [{ extensions: { code } }] });
  });

  it('refuses a body that is no request, and variables that are no JSON', async () => {
    const headers = { authorization: `Bearer ${coder.key}`, 'content-type': 'application/json' };
    const post = await fetch(`${api.url}/graphql/stream`, { method: 'POST', headers, body: '{"query": {}}' });
    expect([post.status, await post.json()]).toMatchObject([
      400,
      { errors: [{ extensions: { code: 'BAD_INPUT', field: 'query' } }] },
    ]);
    const get = await RawStream.open(coder, `/graphql/stream?query=${encodeURIComponent(FEED)}&variables=%7B`);
    expect(get.response.statusCode).toBe(400);
    get.close();
  });

  it('is bounded for one principal', async () => {
    const agent = await api.agent('tester');
    const open = () => RawStream.open(agent, streamPath(FEED));
    const streams: RawStream[] = [];
    for (let n = 0; n < 50; n++) streams.push(await open());
    const oneTooMany = await open();
    expect(oneTooMany.response.statusCode).toBe(429);
    streams.forEach((stream) => stream.close());
    oneTooMany.close();
    let again = await open();
    while (again.response.statusCode !== 200) again = await open();
    again.close();
  });
});
