import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ADMIN_KEY, startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';

const VIEWER = '{ viewer { id role } }';
const ISSUE =
  'mutation ($id: ID!, $expiresAt: DateTime) { issueKey(agentId: $id, expiresAt: $expiresAt) { secret key { id prefix expiresAt revokedAt } } }';
const REVOKE = 'mutation ($id: ID!) { revokeKey(id: $id) { id revokedAt } }';
const AGENTS = '{ agents { id keys { id prefix createdAt expiresAt lastUsedAt revokedAt } } }';
const REFUSAL = 'The key is not known here, was revoked, or has expired.';

interface Key {
  id: string;
  prefix: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

const issue = async (expiresAt?: Date) => {
  const variables = { id: coder.id, expiresAt: expiresAt?.toISOString() };
  return (await api.admin.ask<{ issueKey: { secret: string; key: Key } }>(ISSUE, variables)).issueKey;
};
const keysOf = async (id: string): Promise<Key[]> => {
  const { agents } = await api.admin.ask<{ agents: { id: string; keys: Key[] }[] }>(AGENTS);
  return agents.find((agent) => agent.id === id)?.keys ?? [];
};

async function expectRefused(secret: string): Promise<void> {
  const answer = await coder.as(secret).send(VIEWER);
  expect(answer).toEqual({
    status: 401,
    errors: [expect.objectContaining({ message: REFUSAL, extensions: { code: 'UNAUTHENTICATED' } })],
  });
}

/** The six characters behind the rest of a key, as a key maker of anybody could compute them. */
function checksum(body: string): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let text = '';
  for (let rest = crc32(body); text.length < 6; rest = Math.floor(rest / 62)) text = alphabet[rest % 62] + text;
  return text;
}

describe('a key', () => {
  it('is shown once: afterwards there is its prefix, and no more in the database than its hash', async () => {
    const { secret, key } = await issue();
    expect(secret).toMatch(/^cpl_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
    expect(secret.startsWith(`${key.prefix}_`)).toBe(true);
    const listed = JSON.stringify(await keysOf(coder.id));
    expect(listed).toContain(key.prefix);
    expect(listed).not.toContain(secret.slice(17));
    expect(await api.admin.code('{ agents { keys { secret } } }')).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await api.admin.code('{ agents { keys { hash } } }')).toBe('GRAPHQL_VALIDATION_FAILED');

    const text = `select k.*, encode(hash, 'hex') as hex, encode(hash, 'escape') as escaped from api_key k`;
    const { rows } = await api.broker.database.maintenance<{ hex: string }>(text);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(17));
    expect(JSON.stringify(rows)).not.toContain(ADMIN_KEY.slice(0, 8));
    expect(rows.map(({ hex }) => hex)).toContain(createHash('sha256').update(secret).digest('hex'));
  });

  it('speaks for its agent, beside the agent’s others, and the time of its use is kept', async () => {
    const { secret, key } = await issue();
    expect(await coder.as(secret).ask(VIEWER)).toEqual({ viewer: { id: coder.id, role: 'coder' } });
    expect(await coder.ask(VIEWER)).toEqual({ viewer: { id: coder.id, role: 'coder' } });
    let used: Key | undefined;
    while (!used?.lastUsedAt) used = (await keysOf(coder.id)).find(({ id }) => id === key.id);
    expect(Date.parse(used.lastUsedAt)).not.toBeNaN();
  });

  it('is taken with its scheme in any case, and in no other way', async () => {
    const send = async (authorization: string) => {
      const headers = { 'content-type': 'application/json', authorization };
      return (await fetch(`${api.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: VIEWER }) }))
        .status;
    };
    expect(await send(`bearer ${coder.key}`)).toBe(200);
    expect(await send(`BEARER  ${coder.key} `)).toBe(200);
    for (const wrong of [
      coder.key,
      `Basic ${coder.key}`,
      `Bearer${coder.key}`,
      `Bearer ${coder.key} ${coder.key}`,
      `Bearer ${coder.key},x`,
    ]) {
      expect(await send(wrong)).toBe(401);
    }
  });
});

describe('a key is refused in the same words', () => {
  const body = () => coder.key.slice(0, -6);
  it.each<[string, () => string]>([
    [
      'with a letter changed',
      () => `${coder.key.slice(0, 30)}${coder.key[30] === 'a' ? 'b' : 'a'}${coder.key.slice(31)}`,
    ],
    ['with another checksum', () => `${body()}000000`],
    [
      'with the right prefix and another secret',
      () => {
        const other = `${coder.key.slice(0, 17)}${randomBytes(40).toString('hex').slice(0, 43)}`;
        return other + checksum(other);
      },
    ],
    [
      'with a prefix that is not there',
      () => {
        const other = `cpl_${'0'.repeat(12)}_${coder.key.slice(17, -6)}`;
        return other + checksum(other);
      },
    ],
    ['without its end', () => coder.key.slice(0, -1)],
    ['with something behind it', () => `${coder.key}0`],
    ['in another case', () => coder.key.toUpperCase()],
    ['that is its prefix', () => coder.key.slice(0, 16)],
    ['that is the hash of one', () => createHash('sha256').update(coder.key).digest('hex')],
    ['that an operator could have chosen', () => `${ADMIN_KEY}x`],
    ['that is longer than any', () => 'k'.repeat(9_000)],
    ['that looks like a token, where no identity provider is known', () => 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x'],
  ])('%s', async (_, secret) => {
    // It was computed as the broker computes it: what is refused here is the secret.
    expect(body() + checksum(body())).toBe(coder.key);
    await expectRefused(secret());
  });

  it('from its revocation on, also where it was in use, and its agent’s others go on', async () => {
    const { secret, key } = await issue();
    const client = coder.as(secret);
    expect(await client.ask(VIEWER)).toBeDefined();
    const underWay = Array.from({ length: 20 }, () => client.send(VIEWER));
    const { revokeKey } = await api.admin.ask<{ revokeKey: Key }>(REVOKE, { id: key.id });
    expect(await client.code(VIEWER)).toBe('UNAUTHENTICATED');
    await expectRefused(secret);
    for (const answer of await Promise.all(underWay)) {
      expect(answer.data ? 'answered' : answer.errors?.[0]?.extensions.code).toMatch(/^(answered|UNAUTHENTICATED)$/);
    }
    expect(await client.code('mutation { memorize(input: {content: "too late", type: EPISODIC}) { outcome } }')).toBe(
      'UNAUTHENTICATED',
    );
    expect(await client.code('{ pools { key } }')).toBe('UNAUTHENTICATED');
    expect(await coder.code(VIEWER)).toBeUndefined();

    expect(await api.admin.ask(REVOKE, { id: key.id })).toEqual({ revokeKey });
    expect((await keysOf(coder.id)).find(({ id }) => id === key.id)?.revokedAt).toBe(revokeKey.revokedAt);
  });

  it('from its expiry on, also where it was in use', async () => {
    const expiresAt = new Date(Date.now() + 2_000);
    const { secret, key } = await issue(expiresAt);
    expect(key.expiresAt).toBe(expiresAt.toISOString());
    const client = coder.as(secret);
    for (;;) {
      const askedAt = new Date();
      const answer = await client.send(VIEWER);
      if (answer.errors) {
        expect(new Date() >= expiresAt).toBe(true);
        break;
      }
      expect(askedAt < expiresAt).toBe(true);
    }
    await expectRefused(secret);
    expect(await coder.code(VIEWER)).toBeUndefined();
  });
});

describe('an agent', () => {
  it('has at most 20 keys that hold, and a new one for each that was revoked', async () => {
    const agent = await api.agent('tester');
    const variables = { id: agent.id };
    for (let n = 1; n < 20; n++) await api.admin.ask(ISSUE, variables);
    expect(await api.admin.code(ISSUE, variables)).toBe('QUOTA_EXCEEDED');
    await api.admin.ask(REVOKE, { id: (await keysOf(agent.id))[5]?.id });
    expect(await api.admin.code(ISSUE, variables)).toBeUndefined();
    expect(await api.admin.code(ISSUE, variables)).toBe('QUOTA_EXCEEDED');
  });

  it('is the author of what its keys wrote, whatever the input says', async () => {
    const { secret } = await issue();
    const id = await memorize(coder.as(secret), { content: 'by the second key' });
    const query = 'query ($id: ID!) { memory(id: $id) { author { id name role kind } } }';
    expect(await coder.ask(query, { id })).toEqual({
      memory: { author: { id: coder.id, name: 'a coder', role: 'coder', kind: 'AGENT' } },
    });
    const forged = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome } }';
    expect(await coder.code(forged, { input: { content: 'by nobody', type: 'EPISODIC', authorId: coder.id } })).toBe(
      'BAD_INPUT',
    );
  });
});
