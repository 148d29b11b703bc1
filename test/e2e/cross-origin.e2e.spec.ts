import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';

const LISTED = 'https://console.example';

let api: TestApi;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi({ WS_ALLOWED_ORIGINS: LISTED });
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const preflight = (path: string, origin: string) =>
  fetch(`${api.url}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,mcp-protocol-version',
    },
  });

describe.each(['/graphql', '/graphql/stream', '/mcp'])('a page that uses %s', (path) => {
  it('of a listed origin may ask with its key', async () => {
    const { status, headers } = await preflight(path, LISTED);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(LISTED);
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type,mcp-protocol-version');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('of another origin is told of none', async () => {
    const { headers } = await preflight(path, 'https://console.example.evil.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

it('a page of a listed origin may read what it is answered', async () => {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { origin: LISTED, authorization: `Bearer ${coder.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ __typename }' }),
  });
  expect(response.headers.get('access-control-allow-origin')).toBe(LISTED);
  expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
});

it('where none is listed nobody is told of any', async () => {
  const closed = await startTestApi();
  const { headers } = await fetch(`${closed.url}/graphql`, {
    method: 'OPTIONS',
    headers: { origin: LISTED, 'access-control-request-method': 'POST' },
  });
  expect(headers.get('access-control-allow-origin')).toBeNull();
  await closed.close();
});
