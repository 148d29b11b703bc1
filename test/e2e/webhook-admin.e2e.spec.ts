import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { Overheard } from '../support/overheard.js';
import { createWebhook, status, webhookBecomes, WebhookReceiver } from '../support/webhook-receiver.js';

const CREATE = 'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id url } } }';
const UPDATE = 'mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) { id } }';
const ROTATE = 'mutation ($id: ID!) { rotateWebhookSecret(id: $id) { secret } }';
const REDELIVER = 'mutation ($id: ID!, $first: Int) { redeliverWebhook(id: $id, first: $first) }';
const LETTERS = 'query ($id: ID!, $first: Int) { webhookDeadLetters(id: $id, first: $first) { eventId } }';
const DELETE = 'mutation ($id: ID!) { deleteWebhook(id: $id) }';
const NOBODY = '01890000-0000-7000-8000-000000000000';

let api: TestApi;
let coder: TestClient & { id: string };
let receiver: WebhookReceiver;
const resolved: string[] = [];
const HOSTS: Record<string, string> = {
  'public.test': '1.1.1.1',
  'inside.test': '10.0.0.1',
  'metadata.test': '169.254.169.254',
};
const resolve = (host: string) => {
  resolved.push(host);
  const address = HOSTS[host];
  return address ? Promise.resolve([{ address, family: 4 }]) : Promise.reject(new Error('ENOTFOUND'));
};
beforeAll(async () => {
  const timing = { scheduleMs: [0, 10], pollMs: 50, timeoutMs: 500 };
  api = await startTestApi({ WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' }, undefined, { webhooks: { timing, resolve } });
  coder = await api.agent('coder');
  receiver = await WebhookReceiver.start();
});
afterAll(async () => {
  await api.close();
  await receiver.close();
});

const input = (rest: Record<string, unknown> = {}) => ({ url: receiver.url, principalId: coder.id, ...rest });
const fieldOf = async (query: string, variables: Record<string, unknown>) => {
  const [error] = (await api.admin.send(query, variables)).errors ?? [];
  return `${error?.extensions.code} ${error?.extensions.field}`;
};

describe('webhooks', () => {
  it.each(['planner', 'coder', 'reviewer', 'tester'])(
    'are FORBIDDEN to a %s, who has no name resolved by asking either',
    async (role) => {
      const agent = await api.agent(role);
      const { id } = await createWebhook(api.admin, input());
      resolved.splice(0);
      const asked: [string, Record<string, unknown>][] = [
        ['{ webhooks { id } }', {}],
        [CREATE, { input: input({ url: 'https://public.test/' }) }],
        [CREATE, { input: input({ url: 'nonsense', principalId: 'nonsense', pools: ['nowhere'] }) }],
        [UPDATE, { input: { id, url: 'https://public.test/' } }],
        [UPDATE, { input: { id: 'nonsense' } }],
        [ROTATE, { id }],
        [REDELIVER, { id }],
        [REDELIVER, { id, first: 1_000 }],
        [LETTERS, { id }],
        [LETTERS, { id: NOBODY }],
        [DELETE, { id }],
      ];
      for (const [query, variables] of asked) expect(await agent.code(query, variables)).toBe('FORBIDDEN');
      expect(resolved).toEqual([]);
      expect(await api.admin.code(DELETE, { id })).toBeUndefined();
    },
  );

  it.each<[Record<string, unknown>, string]>([
    [{ url: 'http://public.test/' }, 'input.url'],
    [{ url: 'https://inside.test/' }, 'input.url'],
    [{ url: 'https://metadata.test/' }, 'input.url'],
    [{ url: 'https://unknown.test/' }, 'input.url'],
    [{ url: 'https://[::1]/' }, 'input.url'],
    [{ url: 'https://169.254.169.254/latest/' }, 'input.url'],
    [{ url: 'https://me:secret@public.test/' }, 'input.url'],
    [{ url: 'https://public.test/'.padEnd(2_001, 'x') }, 'input.url'],
    [{ url: '' }, 'input.url'],
    [{ principalId: NOBODY }, 'input.principalId'],
    [{ principalId: "' or true --" }, 'input.principalId'],
    [{ pools: ['nowhere'] }, 'input.pools.0'],
    [{ pools: ['tester'] }, 'input.pools.0'],
    [{ pools: [] }, 'input.principalId'],
    [{ pools: Array.from({ length: 101 }, () => 'coder') }, 'input.pools'],
    [{ entityId: 'x'.repeat(5_000) }, 'input.entityId'],
    [{ entityId: 'a\u0000b' }, 'input.entityId'],
    [{ after: 'nonsense' }, 'input.after'],
    [{ types: ['NOTHING'] }, 'input.types.0'],
  ])('are not made of %j', async (wrong, field) => {
    expect(await fieldOf(CREATE, { input: input(wrong) })).toBe(`BAD_INPUT ${field}`);
  });

  it('that do not exist are NOT_FOUND, and what is no id is BAD_INPUT', async () => {
    for (const query of [ROTATE, REDELIVER, LETTERS, DELETE]) {
      expect(await api.admin.code(query, { id: NOBODY })).toBe('NOT_FOUND');
      expect(await api.admin.code(query, { id: 'nonsense' })).toBe('BAD_INPUT');
    }
    expect(await api.admin.code(UPDATE, { input: { id: NOBODY, paused: true } })).toBe('NOT_FOUND');
  });

  it('list at most a hundred at once', async () => {
    const { id } = await createWebhook(api.admin, input());
    for (const first of [0, -1, 101]) {
      expect(await api.admin.code(LETTERS, { id, first })).toBe('BAD_INPUT');
      expect(await api.admin.code(REDELIVER, { id, first })).toBe('BAD_INPUT');
    }
    expect(await api.admin.code(LETTERS, { id, first: 100 })).toBeUndefined();
  });

  it('begin at the cursor that they are given', async () => {
    const { feedCursor } = await coder.ask<{ feedCursor: string }>('{ feedCursor }');
    await memorize(coder, { content: 'before there was a webhook' });
    const { id } = await createWebhook(api.admin, input({ after: feedCursor }));
    await receiver.hearsOf('before there was a webhook');
    await api.admin.ask(DELETE, { id });
  });

  it('never show their secret again: not in an answer, and not in the audit log', async () => {
    const admin = new Overheard(api.url, ADMIN_KEY);
    const { id, secret } = await createWebhook(api.admin, input({ url: `${receiver.url}/path-token` }));
    const { rotateWebhookSecret: rotated } = await api.admin.ask<{ rotateWebhookSecret: { secret: string } }>(ROTATE, {
      id,
    });
    expect(rotated.secret).not.toBe(secret);
    receiver.orders.push(status(500), status(500));
    await memorize(coder, { content: 'for the secrets' });
    await webhookBecomes(api.admin, id, { lastError: 'the receiver answered 500' });
    await admin.ask(UPDATE, { input: { id, paused: true } });
    const shown = 'id url pools types entityId state reason failures lastError principal { id name }';
    await admin.ask(`{ webhooks { ${shown} } auditLog(first: 100) { nodes { action target detail } } }`);
    await admin.ask(LETTERS, { id });
    await admin.send('{ webhooks { secret } }');
    for (const one of [secret, rotated.secret]) expect(admin.heard).not.toContain(one.slice('whsec_'.length, -2));
    expect(admin.heard).not.toContain('says no');
    const { auditLog } = await api.admin.ask<{
      auditLog: { nodes: { action: string; target: string; detail: unknown }[] };
    }>('{ auditLog(first: 100) { nodes { action target detail } } }');
    const entries = auditLog.nodes.filter(({ target }) => target === id);
    expect(entries.map(({ action }) => action)).toEqual(['webhook.update', 'webhook.rotate', 'webhook.create']);
    expect(JSON.stringify(entries)).not.toContain('path-token');
    await api.admin.ask(DELETE, { id });
  });

  it('are a hundred at most, however many are made at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 110 }, () => api.admin.code(CREATE, { input: input({ pools: ['coder'] }) })),
    );
    const { webhooks } = await api.admin.ask<{ webhooks: { id: string }[] }>('{ webhooks { id } }');
    expect(webhooks).toHaveLength(100);
    expect(new Set(answers.filter(Boolean))).toEqual(new Set(['QUOTA_EXCEEDED']));
    for (const { id } of webhooks) await api.admin.ask(DELETE, { id });
  });
});
