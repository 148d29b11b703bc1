import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { EmbedderError } from './embedder.js';
import { OpenAiModel } from './openai-model.js';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

interface Request {
  path: string | undefined;
  authorization: string | undefined;
  body: Record<string, unknown>;
}

async function serve(answer: (response: http.ServerResponse) => void, access: object = {}) {
  const requests: Request[] = [];
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const body = JSON.parse(text) as Record<string, unknown>;
      requests.push({ path: request.url, authorization: request.headers.authorization, body });
      answer(response);
    });
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const model = new OpenAiModel({ model: 'm', dimensions: undefined, apiKey: undefined, ...access, baseUrl });
  return { model, requests };
}

const json =
  (status: number, body: unknown, headers: http.OutgoingHttpHeaders = {}) =>
  (response: http.ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const items = (...indices: (number | undefined)[]) => ({
  object: 'list',
  data: indices.map((index) => ({ object: 'embedding', index, embedding: [index ?? 9] })),
});
const ask = (model: OpenAiModel, texts = ['a', 'b'], signal = AbortSignal.timeout(5_000)) => model.ask(texts, signal);

async function failure(answer: (response: http.ServerResponse) => void): Promise<EmbedderError> {
  const { model } = await serve(answer);
  const error: unknown = await ask(model).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EmbedderError);
  return error as EmbedderError;
}

describe('a request', () => {
  it('names the model, and the dimensions and the key where they are configured', async () => {
    const { model, requests } = await serve(json(200, items(0, 1)), { dimensions: 7, apiKey: 'secret' });
    await ask(model);
    expect(requests).toEqual([
      {
        path: '/v1/embeddings',
        authorization: 'Bearer secret',
        body: { model: 'm', input: ['a', 'b'], encoding_format: 'float', dimensions: 7 },
      },
    ]);
  });

  it('is made once, whatever comes', async () => {
    const { model, requests } = await serve(json(500, {}));
    await expect(ask(model)).rejects.toMatchObject({ failure: 'AWAY' });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.body).not.toHaveProperty('dimensions');
  });
});

describe('an answer', () => {
  it('is put into the order of the texts by its index', async () => {
    const { model } = await serve(json(200, items(1, 0)));
    expect(await ask(model)).toEqual([[0], [1]]);
  });

  it('without an index is taken as it comes', async () => {
    const { model } = await serve(json(200, items(undefined, undefined)));
    expect(await ask(model)).toEqual([[9], [9]]);
  });

  it.each<[string, unknown, RegExp]>([
    ['an index twice', items(0, 0), /index 0 stands for/],
    ['an index beyond the texts', items(0, 2), /index 2 stands for/],
    ['an index below zero', items(-1, 0), /index -1 stands for/],
    ['some without an index', items(0, undefined), /index undefined stands for/],
    ['too few', items(0), /2 texts were sent and 1 vectors/],
    ['no list', { object: 'list' }, /no list of vectors/],
    ['no JSON', '<html>', /no JSON/],
    ['half a JSON', '{"data": [{"ind', /no JSON/],
  ])('with %s is wrong', async (_, body, message) => {
    const error = await failure(json(200, body));
    expect(error).toMatchObject({ failure: 'WRONG', message: expect.stringMatching(message) });
  });

  it.each([
    [400, 'REFUSED'],
    [413, 'REFUSED'],
    [422, 'REFUSED'],
    [401, 'AWAY'],
    [404, 'AWAY'],
    [429, 'AWAY'],
    [503, 'AWAY'],
  ])('%i is %s', async (status, kind) => {
    expect(await failure(json(status, {}))).toMatchObject({ failure: kind, retryAfterMs: undefined });
  });

  it('429 says when to come back', async () => {
    expect(await failure(json(429, {}, { 'retry-after': '3' }))).toMatchObject({ retryAfterMs: 3_000 });
  });

  it('that is cut off is the server being away', async () => {
    expect(await failure((response) => response.destroy())).toMatchObject({ failure: 'AWAY' });
  });

  it('that does not come in time is late', async () => {
    const { model } = await serve(() => undefined);
    await expect(ask(model, ['a'], AbortSignal.timeout(50))).rejects.toMatchObject({ failure: 'LATE' });
  });
});
