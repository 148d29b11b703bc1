import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, registerAgent, startTestApi, TestClient, type TestApi } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { createNativeDatabase, isNative, nativeOnly, openTestDatabase, itOnNative } from '../support/database.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';
import { createWebhook, hang, webhookBecomes, WebhookReceiver, type Received } from '../support/webhook-receiver.js';

const ALLOWED = { WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' };
const timing = { scheduleMs: [0, 20, 20, 20], pollMs: 20, timeoutMs: 1_000 };

let receiver: WebhookReceiver;
const open: TestApi[] = [];
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  receiver.clear();
  for (const api of open.splice(0)) await api.close();
});
afterAll(() => receiver.close());

async function start(url: string): Promise<TestApi> {
  const api = await startTestApi(ALLOWED, await openTestDatabase(url), { webhooks: { timing } });
  open.push(api);
  return api;
}

const contents = Array.from({ length: 60 }, (_, i) => `number ${i}`);
const repeats = (received: readonly Received[]) => received.length - new Set(received.map(({ id }) => id)).size;

describe('two brokers on one database', () => {
  itOnNative(nativeOnly('serve a webhook one at a time: in order, and nothing twice'), async () => {
    const url = await createNativeDatabase();
    const [one, other] = [await start(url), await start(url)];
    const coder = await one.agent('coder');
    await createWebhook(one.admin, { url: receiver.url, principalId: coder.id });
    receiver.otherwise = (response) => setTimeout(() => response.writeHead(204).end(), 5);
    for (const [i, content] of contents.entries())
      await memorize(i % 2 ? coder : new TestClient(other.url, coder.key), { content });
    await receiver.hearsOf(contents.at(-1) as string);
    expect(receiver.contents).toEqual(contents);
    expect(repeats(receiver.received)).toBe(0);
    expect(Math.max(...receiver.received.map(({ atOnce }) => atOnce))).toBe(1);
  });

  itOnNative(nativeOnly('go on without the one that stops, at once, and lose nothing'), async () => {
    const url = await createNativeDatabase();
    const [one, other] = [await start(url), await start(url)];
    const coder = await one.agent('coder');
    await createWebhook(one.admin, { url: receiver.url, principalId: coder.id });
    const elsewhere = new TestClient(other.url, coder.key);
    receiver.otherwise = (response) => setTimeout(() => response.writeHead(204).end(), 20);
    for (const content of contents) await memorize(elsewhere, { content });
    const began = Date.now();
    open.splice(open.indexOf(one), 1);
    await one.close();
    await receiver.hearsOf(contents.at(-1) as string);
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(receiver.contents).toEqual(contents);
    expect(Math.max(...receiver.received.map(({ atOnce }) => atOnce))).toBe(1);
  });

  // Once one look at what is due leased several of them, and served one.
  itOnNative(nativeOnly('serve many webhooks beside a receiver that never answers'), async () => {
    const api = await start(await createNativeDatabase());
    const coder = await api.agent('coder');
    const silent = await WebhookReceiver.start();
    silent.otherwise = hang;
    for (let i = 0; i < 7; i++) await createWebhook(api.admin, { url: silent.url, principalId: coder.id });
    await createWebhook(api.admin, { url: receiver.url, principalId: coder.id });
    const began = Date.now();
    await memorize(coder, { content: 'not held up' });
    await receiver.hearsOf('not held up').finally(() => silent.close());
    expect(Date.now() - began).toBeLessThan(timing.timeoutMs);
  });
});

describe('a broker that stops while a receiver does not answer', () => {
  it('cuts it off after a moment, counts no failure, and sends the event again when it is back', async () => {
    const url = isNative ? await createNativeDatabase() : undefined;
    const patient = { ...timing, timeoutMs: 60_000, leaseMs: 120_000 };
    const api = await startTestApi(ALLOWED, await openTestDatabase(url), { webhooks: { timing: patient } });
    const coder = await api.agent('coder');
    const { id } = await createWebhook(api.admin, { url: receiver.url, principalId: coder.id });
    receiver.orders.push(hang);
    await memorize(coder, { content: 'cut off' });
    const [first] = await receiver.hears(1);
    const began = Date.now();
    await api.close();
    expect(Date.now() - began).toBeLessThan(10_000);
    if (!url) return;
    const next = await start(url);
    const [, again] = await receiver.hears(2);
    expect(again?.id).toBe(first?.id);
    await webhookBecomes(next.admin, id, { failures: 0, lastError: null });
  });
});

describe('a broker that is killed in the middle of a delivery', () => {
  it('is followed by one that sends all that is left, and what was under way under the same id', async () => {
    const store = { ...(await newStore()), ...ALLOWED };
    const broker = await BrokerProcess.start(store);
    const coder = await registerAgent(broker.client, 'coder');
    await createWebhook(broker.client, { url: receiver.url, principalId: coder.id });
    const few = contents.slice(0, 8);
    receiver.otherwise = (response, { data }) => {
      if (data.memory?.content !== few[3]) response.writeHead(204).end();
    };
    for (const content of few) await memorize(coder, { content });
    const [cut] = [await receiver.hearsOf(few[3] as string)];
    await broker.kill('SIGKILL');
    const before = receiver.received.length;
    receiver.otherwise = (response) => response.writeHead(204).end();
    const next = await BrokerProcess.start(store);
    const deadline = Date.now() + 60_000;
    // Its lease has to end first.
    while (receiver.received.length < before + 5 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(receiver.contents).toEqual(few);
    expect(receiver.received[before]?.id).toBe(cut.id);
    expect(repeats(receiver.received)).toBe(1);
    await eventually(async () => {
      const { webhooks } = await new TestClient(next.url, ADMIN_KEY).ask<{ webhooks: { failures: number }[] }>(
        '{ webhooks { failures } }',
      );
      return webhooks[0]?.failures === 0;
    });
    expect(await next.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    for (const { stderr, stdout } of [broker, next]) expect(stderr + stdout).not.toMatch(/whsec_|number 3/);
  }, 120_000);
});
