import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize, recall } from '../support/memories.js';
import { deny, editPolicy } from '../support/policy.js';
import { RawSocket } from '../support/raw-socket.js';

const ISSUER = 'https://identity.example';
const AUDIENCE = 'commonplace';
const ROLE = 'https://identity.example/role';
const VIEWER = '{ viewer { id kind name role } }';

let provider: http.Server;
let jwksUrl: string;
let ours: CryptoKey;
let publicKey: CryptoKey;
let theirs: CryptoKey;
let elliptic: CryptoKey;
let api: TestApi;

beforeAll(async () => {
  const [rsa, other, ec] = await Promise.all([
    generateKeyPair('RS256', { extractable: true }),
    generateKeyPair('RS256'),
    generateKeyPair('ES256', { extractable: true }),
  ]);
  ({ privateKey: ours, publicKey } = rsa);
  theirs = other.privateKey;
  elliptic = ec.privateKey;
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
  ];
  provider = http.createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys })),
  );
  await once(provider.listen(0, '127.0.0.1'), 'listening');
  jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`;
  api = await startTestApi(configured(jwksUrl));
});
afterAll(async () => {
  await api.close();
  provider.close();
});

const configured = (url: string) => ({
  AUTH_JWT_ISSUER: ISSUER,
  AUTH_JWT_JWKS_URL: url,
  AUTH_JWT_AUDIENCE: AUDIENCE,
  AUTH_JWT_ROLE_CLAIM: ROLE,
  AUTH_JWT_NAME_CLAIM: 'nickname',
});

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
const claims = (rest: JWTPayload = {}): JWTPayload => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'user-1',
  exp: inSeconds(300),
  nickname: 'Ada',
  [ROLE]: 'coder',
  ...rest,
});
const sign = (
  payload: JWTPayload,
  key: CryptoKey | Uint8Array = ours,
  header = { alg: 'RS256', kid: 'rsa' },
): Promise<string> => new SignJWT(payload).setProtectedHeader(header).sign(key);
const bearer = async (rest: JWTPayload = {}): Promise<TestClient> => api.admin.as(await sign(claims(rest)));

describe('a token of the identity provider', () => {
  it('speaks for its subject, in the role and under the name that it claims', async () => {
    const ada = await bearer();
    const { viewer } = await ada.ask<{ viewer: { id: string } }>(VIEWER);
    expect(viewer).toMatchObject({ kind: 'AGENT', name: 'Ada', role: 'coder' });
    const id = await memorize(ada, { content: 'by token' });
    const author = 'query ($id: ID!) { memory(id: $id) { pool { key } author { id name role } } }';
    expect(await ada.ask(author, { id })).toEqual({
      memory: { pool: { key: 'coder' }, author: { id: viewer.id, name: 'Ada', role: 'coder' } },
    });
    expect(await (await api.agent('coder')).ask(author, { id })).toMatchObject({ memory: { author: { name: 'Ada' } } });
  });

  it('may claim any name: what of it cannot be kept is left out', async () => {
    for (const [nickname, name] of [
      ['A\u0000da\n', 'A da'],
      ['\ud800', '\ufffd'],
      ['', 'user-9'],
      [7, 'user-9'],
      ['n'.repeat(300), 'n'.repeat(200)],
    ]) {
      expect(await (await bearer({ sub: 'user-9', nickname })).ask('{ viewer { name } }')).toEqual({
        viewer: { name },
      });
    }
  });

  it('names the same subject every time, by the issuer’s word and under its newest name', async () => {
    const [first, again, other] = await Promise.all(
      [bearer(), bearer({ nickname: 'Ada L.' }), bearer({ sub: 'user-2' })].map(
        async (client) => (await (await client).ask<{ viewer: { id: string; name: string } }>(VIEWER)).viewer,
      ),
    );
    expect(again).toEqual({ ...first, name: 'Ada L.' });
    expect(other?.id).not.toBe(first?.id);
  });

  it('may be of another role than the last: what it wrote stays what a coder wrote', async () => {
    const coder = await bearer({ sub: 'riser' });
    const id = await memorize(coder, { content: 'Zircon: cut it', type: 'PROCEDURAL', pool: 'coder' });
    const reviewer = await bearer({ sub: 'riser', [ROLE]: 'reviewer' });
    const tool = 'mutation ($given: JSONObject!) { callTool(name: "remember", arguments: $given) { content } }';
    const told = await reviewer.ask<{ callTool: { content: string } }>(tool, { given: { query: 'zircon' } });
    expect(told.callTool.content).toContain('written_by_role="coder"');
    const find = async () => (await recall(reviewer, 'zircon')).hits.map(({ memory }) => memory.id);
    expect(await find()).toEqual([id]);
    await editPolicy(api.admin, (statements) => [
      ...statements,
      deny('reviewer', ['READ'], ['coder'], { id: 'of-coders', where: { authorRole: { eq: 'coder' } } }),
    ]);
    expect(await find()).toEqual([]);
    await editPolicy(api.admin, (statements) => statements.filter(({ id: one }) => one !== 'of-coders'));
  });

  it('may be of another role than the last, and does what that may do', async () => {
    const [asCoder, asPlanner] = [await bearer({ sub: 'both' }), await bearer({ sub: 'both', [ROLE]: 'planner' })];
    const pools = async (client: TestClient) =>
      (await client.ask<{ pools: { key: string }[] }>('{ pools { key } }')).pools.map(({ key }) => key).sort();
    for (let round = 0; round < 2; round++) {
      expect(await pools(asCoder)).toEqual(['coder', 'planner', 'shared']);
      expect(await pools(asPlanner)).toEqual(['planner', 'shared']);
    }
  });

  it('of an admin is an operator’s', async () => {
    const admin = await bearer({ sub: 'root', [ROLE]: 'admin' });
    expect(await admin.ask(VIEWER)).toMatchObject({ viewer: { kind: 'OPERATOR', role: 'admin' } });
    expect(await admin.code('{ policy { version } }')).toBeUndefined();
    expect(await (await bearer()).code('{ policy { version } }')).toBe('FORBIDDEN');
  });

  it('may be signed by any key of the provider, for several audiences, and open a socket', async () => {
    const token = await sign(claims({ aud: ['other', AUDIENCE] }), elliptic, { alg: 'ES256', kid: 'ec' });
    expect(await api.admin.as(token).ask(VIEWER)).toMatchObject({ viewer: { name: 'Ada' } });
    await (await RawSocket.begin(api.url, token)).close();
  });
});

describe('a token is refused', () => {
  it.each<[string, () => Promise<string> | string]>([
    ['of another issuer', () => sign(claims({ iss: 'https://evil.example' }))],
    ['of no issuer', () => sign(claims({ iss: undefined }))],
    ['for another audience', () => sign(claims({ aud: 'other' }))],
    ['for no audience', () => sign(claims({ aud: undefined }))],
    ['that expired long ago', () => sign(claims({ exp: inSeconds(-3_600) }))],
    ['that expired a moment ago', () => sign(claims({ exp: inSeconds(-2) }))],
    ['that never expires', () => sign(claims({ exp: undefined }))],
    ['that is not valid yet', () => sign(claims({ nbf: inSeconds(3_600) }))],
    ['of nobody', () => sign(claims({ sub: undefined }))],
    ['of a role that there is not', () => sign(claims({ [ROLE]: 'emperor' }))],
    ['of no role', () => sign(claims({ [ROLE]: undefined }))],
    ['of several roles', () => sign(claims({ [ROLE]: ['coder', 'admin'] }))],
    ['of a role in another claim', () => sign(claims({ [ROLE]: undefined, role: 'coder' }))],
    ['of a role that is SQL', () => sign(claims({ [ROLE]: "coder' or true --" }))],
    ['of a role with NUL', () => sign(claims({ [ROLE]: 'coder\u0000' }))],
    ['signed by another key under the name of ours', () => sign(claims(), theirs)],
    ['signed by a key that the provider does not name', () => sign(claims(), theirs, { alg: 'RS256', kid: 'unknown' })],
    [
      'signed with the public key as a shared secret',
      async () => sign(claims(), new TextEncoder().encode(await exportSPKI(publicKey)), { alg: 'HS256', kid: 'rsa' }),
    ],
    ['that is not signed', () => new UnsecuredJWT(claims()).encode()],
    ['that is not signed, with something for a signature', () => `${new UnsecuredJWT(claims()).encode()}x`],
    [
      'with another payload under the same signature',
      async () => {
        const [header, , signature] = (await sign(claims())).split('.');
        return [header, Buffer.from(JSON.stringify(claims({ [ROLE]: 'admin' }))).toString('base64url'), signature].join(
          '.',
        );
      },
    ],
    ['without its signature', async () => `${(await sign(claims())).split('.').slice(0, 2).join('.')}.`],
    ['that is no token', () => 'a.b.c'],
  ])('%s', async (_, token) => {
    const { status, errors, data } = await api.admin.as(await token()).send(VIEWER);
    expect(errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect([status, data ?? null]).toEqual([status === 200 ? 200 : 401, null]);
  });

  it('from its end on, also where it was in use', async () => {
    const exp = inSeconds(3);
    const ada = await bearer({ exp });
    for (;;) {
      const askedAt = Date.now();
      const answer = await ada.send(VIEWER);
      if (answer.errors) {
        expect(answer.errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
        expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
        break;
      }
      expect(askedAt).toBeLessThan(exp * 1000);
    }
  });
});

describe('beside the identity provider', () => {
  it('keys are taken as ever', async () => {
    expect(await (await api.agent('tester')).ask(VIEWER)).toMatchObject({ viewer: { role: 'tester' } });
  });

  it('a key that an operator chose may have points in it', async () => {
    const chosen = 'an.admin-key.of-my-own-choice-0123456789';
    const own = await startTestApi({ ...configured(jwksUrl), COMMONPLACE_BOOTSTRAP_KEY: chosen });
    expect(await own.admin.as(chosen).ask(VIEWER)).toMatchObject({ viewer: { role: 'admin' } });
    await own.close();
  });

  it('a provider that does not answer is UNAVAILABLE, and says nothing of the token', async () => {
    const cut = await startTestApi(configured('http://127.0.0.1:9/keys'));
    const answer = await cut.admin.as(await sign(claims())).send(VIEWER);
    expect([answer.status, answer.errors?.[0]?.extensions.code]).toEqual([503, 'UNAVAILABLE']);
    expect(await cut.admin.ask(VIEWER)).toMatchObject({ viewer: { role: 'admin' } });
    await cut.close();
  });
});
