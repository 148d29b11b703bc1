import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';
import { allow, deny, editPolicy } from '../support/policy.js';
import {
  createWebhook,
  ok,
  status,
  updateWebhook,
  webhookBecomes,
  WebhookReceiver,
} from '../support/webhook-receiver.js';
import { FORGET } from '../support/world.js';

const timing = { scheduleMs: [0, 300, 300, 300], pollMs: 50, timeoutMs: 2_000 };
const IN_FLIGHT_MS = 150;

let api: TestApi;
let planner: TestClient & { id: string };
let coder: TestClient & { id: string };
let tester: TestClient & { id: string };
let receiver: WebhookReceiver;
const made: string[] = [];
beforeAll(async () => {
  api = await startTestApi({ WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' }, undefined, { webhooks: { timing } });
  [planner, coder, tester] = [await api.agent('planner'), await api.agent('coder'), await api.agent('tester')];
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  for (const id of made.splice(0)) await api.admin.send('mutation ($id: ID!) { deleteWebhook(id: $id) }', { id });
  await editPolicy(api.admin, (all) => all.filter(({ id }) => id !== 'of-the-test'));
  receiver.clear();
});
afterAll(async () => {
  await api.close();
  await receiver.close();
});

async function hook(principalId: string, input: Record<string, unknown> = {}): Promise<string> {
  const { id } = await createWebhook(api.admin, { url: receiver.url, principalId, ...input });
  made.push(id);
  return id;
}

const id = 'of-the-test';
const hide = (pools: string[], rest = {}) =>
  editPolicy(api.admin, (all) => [...all, deny('tester', ['READ'], pools, { id, ...rest })]);
const show = () => editPolicy(api.admin, (all) => all.filter((one) => one.id !== id));
const inCoder = (content: string, input = {}) => memorize(coder, { pool: 'coder', content, ...input });

describe('a webhook hears what its principal may read at the moment', () => {
  it('and nothing else: not of other pools, nor of proposals that are for others', async () => {
    await hook(tester.id);
    await memorize(planner, { pool: 'planner', content: 'a plan that testers do not see' });
    await memorize(coder, { pool: 'shared', content: 'a proposal of a coder' });
    await memorize(tester, { pool: 'shared', content: 'a proposal of the tester' });
    await inCoder('what testers may read');
    await receiver.hearsOf('what testers may read');
    expect(receiver.contents).toEqual(['a proposal of the tester', 'what testers may read']);
  });

  it('also where the policy is edited between two events: what it hides from then on does not come', async () => {
    await hook(tester.id);
    let hidden = false;
    let late: unknown[] = [];
    receiver.otherwise = (response, { data }) => {
      if (hidden && data.memory?.content?.startsWith('secret')) late.push(data.memory.content);
      setTimeout(() => response.writeHead(204).end(), 20);
    };
    for (let i = 0; i < 40; i++) await inCoder(`secret ${i}`, { labels: ['secret'] });
    await eventually(() => receiver.received.length >= 5);
    await hide(['coder'], { where: { labels: { contains: 'secret' } } });
    // What was read before the edit may still be on its way.
    await new Promise((resolve) => setTimeout(resolve, IN_FLIGHT_MS));
    hidden = true;
    await inCoder('not a secret');
    await receiver.hearsOf('not a secret');
    expect(late).toEqual([]);
    late = receiver.contents.filter((content) => content?.startsWith('secret'));
    expect(late.length).toBeLessThan(40);
  });

  it('also where it hides a field', async () => {
    await hook(tester.id);
    await editPolicy(api.admin, (all) => [...all, deny('tester', ['READ'], ['coder'], { id, fields: ['content'] })]);
    const memoryId = await inCoder('with a content that is masked');
    const [first] = await receiver.hears(1);
    expect(first?.data).toMatchObject({ memoryId, memory: { content: null, maskedFields: ['content'] } });
    expect(first?.body).not.toContain('masked"');
  });

  it('so an event that waits for its next attempt is told without what was forgotten meanwhile', async () => {
    await hook(tester.id);
    receiver.orders.push(status(500));
    const memoryId = await inCoder('forgotten while it waited');
    await receiver.hears(1);
    await coder.ask(FORGET, { id: memoryId });
    await eventually(() => receiver.received.at(-1)?.type === 'memory.forgotten');
    expect(receiver.received.filter(({ data }) => data.memory)).toHaveLength(1);
  });

  it('and an event that was hidden while it waited gives its place to the next', async () => {
    const webhook = await hook(tester.id);
    receiver.orders.push(status(500));
    await inCoder('hidden while it waited', { labels: ['secret'] });
    await receiver.hears(1);
    await hide(['coder'], { where: { labels: { contains: 'secret' } } });
    receiver.otherwise = status(500);
    await inCoder('in its place');
    await receiver.hearsOf('in its place');
    await webhookBecomes(api.admin, webhook, { failures: 1 });
    receiver.otherwise = ok;
    await webhookBecomes(api.admin, webhook, { failures: 0 });
  });

  it('and is told that its scope changed, once, under one id however often that fails', async () => {
    await hook(tester.id);
    receiver.orders.push(status(500), status(500));
    await editPolicy(api.admin, (all) => [...all, allow('tester', ['READ'], ['planner'], { id })]);
    await receiver.hears(1);
    // The pools move on meanwhile, and with them the cursor that the event hands out.
    await memorize(planner, { pool: 'planner', content: 'while it failed' });
    const scopes = await receiver.hears(3);
    await memorize(planner, { pool: 'planner', content: 'a plan that testers see by now' });
    await receiver.hearsOf('a plan that testers see by now');
    expect(scopes.map(({ type }) => type)).toEqual(Array.from({ length: 3 }, () => 'feed.scope_changed'));
    expect(new Set(scopes.map(({ id: one }) => one)).size).toBe(1);
    expect(scopes[0]?.data).toMatchObject({ memory: null, memoryId: null, poolKey: null });
  });

  it('also of a pool that was named: it goes on without it', async () => {
    await hook(tester.id, { pools: ['coder', 'tester'] });
    await hide(['coder']);
    await eventually(() => receiver.received.some(({ type }) => type === 'feed.scope_changed'));
    await inCoder('not for the webhook any more');
    await memorize(tester, { pool: 'tester', content: 'of the pool that is left' });
    await receiver.hearsOf('of the pool that is left');
    expect(receiver.contents).not.toContain('not for the webhook any more');
  });

  it('and is paused where nothing is left, until an admin resumes it', async () => {
    const webhook = await hook(tester.id, { pools: ['coder'] });
    await hide(['*']);
    await webhookBecomes(api.admin, webhook, { state: 'PAUSED', reason: 'ACCESS_REVOKED' });
    await show();
    await inCoder('after access came back');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(receiver.contents).toEqual([]);
    await updateWebhook(api.admin, { id: webhook, paused: false });
    await receiver.hearsOf('after access came back');
  });

  it('and follows its principal into another role', async () => {
    await hook(tester.id);
    const { database } = api.broker;
    await database.maintenance(`update principal set role_key = 'planner' where principal_id = $1`, [tester.id]);
    await memorize(planner, { pool: 'planner', content: 'a plan, for the new planner' });
    await eventually(() => receiver.received.some(({ type }) => type === 'feed.scope_changed'));
    await memorize(planner, { pool: 'planner', content: 'another plan' });
    await receiver.hearsOf('another plan');
    await database.maintenance(`update principal set role_key = 'tester' where principal_id = $1`, [tester.id]);
  });
});

describe('a webhook whose place is gone', () => {
  it('is told of the gap, once, and goes on from now', async () => {
    const webhook = await hook(tester.id);
    receiver.otherwise = status(500);
    await inCoder('trimmed before it was sent');
    await webhookBecomes(api.admin, webhook, { failures: 1 });
    await api.broker.database.maintenance('delete from memory_event');
    await eventually(() => receiver.received.filter(({ type }) => type === 'feed.gap').length >= 2);
    receiver.otherwise = ok;
    const heard = receiver.received.length;
    await receiver.hears(heard + 1);
    await inCoder('behind the gap');
    await receiver.hearsOf('behind the gap');
    const gaps = receiver.received.filter(({ type }) => type === 'feed.gap');
    expect(new Set(gaps.map(({ id: one }) => one)).size).toBe(1);
  });

  it('says so to the admin', async () => {
    const webhook = await hook(tester.id);
    await updateWebhook(api.admin, { id: webhook, paused: true });
    await inCoder('trimmed while it was paused');
    await api.broker.database.maintenance('delete from memory_event');
    await updateWebhook(api.admin, { id: webhook, paused: false });
    await eventually(() => receiver.received.some(({ type }) => type === 'feed.gap'));
    const lastError = 'the log no longer held what came next: a feed.gap was sent, and what is missing must be listed';
    await webhookBecomes(api.admin, webhook, { lastError });
  });

  it('is told so after a backup was restored, too', async () => {
    await hook(tester.id);
    await api.broker.database.maintenance('update organization set feed_epoch = gen_random_uuid()');
    await eventually(() => receiver.received.some(({ type }) => type === 'feed.gap'));
    await inCoder('in the new epoch');
    await receiver.hearsOf('in the new epoch');
  });
});
