import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';
import {
  createWebhook,
  hang,
  reset,
  status,
  updateWebhook,
  verify,
  webhookBecomes,
  webhookOf,
  WebhookReceiver,
  type Behave,
} from '../support/webhook-receiver.js';
import { FORGET, REVISE } from '../support/world.js';

const SCHEDULE = [0, 20, 20, 40];
const timing = { scheduleMs: SCHEDULE, pollMs: 50, timeoutMs: 400 };

let api: TestApi;
let coder: TestClient & { id: string };
let receiver: WebhookReceiver;
const made: string[] = [];
beforeAll(async () => {
  api = await startTestApi({ WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' }, undefined, { webhooks: { timing } });
  coder = await api.agent('coder');
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  for (const id of made.splice(0)) await api.admin.send('mutation ($id: ID!) { deleteWebhook(id: $id) }', { id });
  receiver.clear();
});
afterAll(async () => {
  await api.close();
  await receiver.close();
});

async function hook(input: Record<string, unknown> = {}): Promise<{ id: string; secret: string }> {
  const webhook = await createWebhook(api.admin, { url: receiver.url, principalId: coder.id, ...input });
  made.push(webhook.id);
  return webhook;
}

const store = (content: string, input: Record<string, unknown> = {}) =>
  memorize(coder, { pool: 'coder', content, ...input });
const many = (times: number, behave: Behave): Behave[] => Array.from({ length: times }, () => behave);
const letters = async (id: string) =>
  (
    await api.admin.ask<{
      webhookDeadLetters: { eventId: string; kind: string; attempts: number; lastError: string }[];
    }>('query ($id: ID!) { webhookDeadLetters(id: $id, first: 100) { eventId kind attempts lastError } }', { id })
  ).webhookDeadLetters;
const redeliver = async (id: string) =>
  (await api.admin.ask<{ redeliverWebhook: number }>('mutation ($id: ID!) { redeliverWebhook(id: $id) }', { id }))
    .redeliverWebhook;

describe('a webhook', () => {
  it('is sent what its principal may read, signed as Standard Webhooks has it', async () => {
    const { secret } = await hook();
    const id = await store('the first delivery', { labels: ['one'] });
    const [first] = await receiver.hears(1);
    const read = verify(secret, first as never) as Record<string, unknown>;
    expect(read).toMatchObject({
      type: 'memory.memorized',
      data: { id: first?.id, kind: 'MEMORIZED', poolKey: 'coder', memoryId: id },
    });
    expect(first?.data.memory).toMatchObject({ id, pool: 'coder', content: 'the first delivery', labels: ['one'] });
    expect(Math.abs(Number(first?.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
    expect(() => verify(secret, { ...(first as never as object), body: `${first?.body} ` } as never)).toThrow();
    expect(() => verify(`whsec_${Buffer.alloc(32).toString('base64')}`, first as never)).toThrow();
  });

  it('hears of every change, in order, and of nothing that it did not ask for', async () => {
    await hook({ pools: ['coder'], types: ['DECLARATIVE'], entityId: 'a project' });
    const wanted = { type: 'DECLARATIVE', entityId: 'a project' };
    await store('not of the project', { type: 'DECLARATIVE' });
    await store('not of the type', { entityId: 'a project' });
    const id = await store('wanted', wanted);
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'wanted and revised' } });
    await receiver.hearsOf('wanted and revised');
    await coder.ask(FORGET, { id });
    await eventually(() => receiver.received.at(-1)?.type === 'memory.forgotten');
    // What was revised before it was read is told as it is by then.
    expect(new Set(receiver.received.map(({ type }) => type))).toEqual(
      new Set(['memory.memorized', 'memory.revised', 'memory.forgotten']),
    );
    expect(receiver.received.at(-1)?.data).toMatchObject({ memoryId: id, memory: null });
    expect(receiver.received.every(({ data }) => data.memoryId === id)).toBe(true);
  });

  it.each<[string, Behave[]]>([
    ['500', many(2, status(500))],
    ['429', many(1, status(429, { 'retry-after': '0' }))],
    ['a redirect', many(1, status(302, { location: '/elsewhere' }))],
    ['nothing', many(1, hang)],
    ['a cut connection', many(2, reset)],
  ])('that answers %s gets the event again under the same id, and the next ones behind it', async (answer, orders) => {
    await hook();
    receiver.orders.push(...orders);
    const contents = ['a', 'b', 'c', 'd'].map((name) => `${name} over ${answer}`);
    for (const content of contents) await store(content);
    const received = await receiver.hears(orders.length + contents.length);
    expect(receiver.contents).toEqual(contents);
    expect(new Set(received.slice(0, orders.length + 1).map(({ id }) => id)).size).toBe(1);
    expect(new Set(received.map(({ id }) => id)).size).toBe(contents.length);
    expect(Math.max(...received.map(({ atOnce }) => atOnce))).toBe(1);
  });

  it('says what went wrong while it waits, and none of the receiver’s words', async () => {
    const { id } = await hook();
    receiver.otherwise = status(429, { 'retry-after': '3600' });
    await store('told to wait');
    await webhookBecomes(api.admin, id, { failures: 1, lastError: 'the receiver answered 429' });
    const { nextAttemptAt } = await webhookOf(api.admin, id);
    expect(Date.parse(nextAttemptAt as string) - Date.now()).toBeGreaterThan(3_000_000);
    receiver.otherwise = status(204);
    await updateWebhook(api.admin, { id, url: `${receiver.url}/moved` });
    await webhookBecomes(api.admin, id, { failures: 0, lastError: null, nextAttemptAt: null });
  });

  it('gives an event up after its last attempt, goes on, and sends it again when it is asked to', async () => {
    const { id, secret } = await hook();
    receiver.orders.push(...many(SCHEDULE.length, status(500)));
    await store('given up');
    await store('behind what was given up');
    await receiver.hearsOf('behind what was given up');
    const [letter, ...others] = await letters(id);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      kind: 'MEMORIZED',
      attempts: SCHEDULE.length,
      lastError: 'the receiver answered 500',
    });
    receiver.clear();
    expect(await redeliver(id)).toBe(1);
    const [again] = await receiver.hears(1);
    expect(again).toMatchObject({ id: letter?.eventId, data: { memory: { content: 'given up' } } });
    verify(secret, again as never);
    await eventually(async () => (await letters(id)).length === 0);
    expect(await redeliver(id)).toBe(0);
  });

  it('keeps the dead letter that fails once more', async () => {
    const { id } = await hook();
    receiver.orders.push(...many(SCHEDULE.length, status(500)), status(503));
    await store('given up twice');
    await eventually(async () => (await letters(id)).length === 1);
    await redeliver(id);
    await eventually(async () => (await letters(id))[0]?.attempts === SCHEDULE.length + 1);
    expect((await letters(id))[0]?.lastError).toBe('the receiver answered 503');
  });

  it('does not send again what was forgotten or hidden meanwhile: it is dropped', async () => {
    const { id } = await hook();
    receiver.orders.push(...many(2 * SCHEDULE.length, status(500)));
    const forgotten = await store('forgotten before it was sent again');
    await store('hidden before it was sent again', { labels: ['hidden'] });
    await eventually(async () => (await letters(id)).length === 2);
    await coder.ask(FORGET, { id: forgotten });
    const hiding = { id: 'hiding', where: { labels: { contains: 'hidden' } } };
    await editPolicy(api.admin, (all) => [...all, { ...allow('coder', ['READ'], ['coder'], hiding), effect: 'DENY' }]);
    await eventually(() => receiver.received.some(({ type }) => type === 'memory.forgotten'));
    receiver.clear();
    await redeliver(id);
    await eventually(async () => (await letters(id)).length === 0);
    await editPolicy(api.admin, (all) => all.filter((one) => one.id !== 'hiding'));
    expect(receiver.received.map(({ data }) => data.memory)).toEqual([null]);
  });

  it('pauses where the receiver says that it is gone, and goes on from there when it is resumed', async () => {
    const { id } = await hook();
    receiver.orders.push(status(410));
    await store('for nobody');
    await webhookBecomes(api.admin, id, { state: 'PAUSED', reason: 'GONE', lastError: 'the receiver answered 410' });
    await store('while it was paused');
    expect(receiver.received).toHaveLength(1);
    await updateWebhook(api.admin, { id, paused: false });
    await receiver.hearsOf('while it was paused');
    expect(receiver.contents).toEqual(['for nobody', 'while it was paused']);
  });

  it('pauses after twenty dead letters in a row', async () => {
    const { id } = await hook();
    receiver.otherwise = status(500);
    for (let i = 0; i < 22; i++) await store(`nobody hears ${i}`);
    await webhookBecomes(api.admin, id, { state: 'PAUSED', reason: 'DEAD_LETTERS' });
    expect(await letters(id)).toHaveLength(20);
    receiver.clear();
    await updateWebhook(api.admin, { id, paused: false });
    await receiver.hearsOf('nobody hears 21');
    expect(receiver.contents).toEqual(['nobody hears 20', 'nobody hears 21']);
  });

  it('is sent nothing while it is paused by an admin, or once it is deleted', async () => {
    const [paused, deleted] = [await hook(), await hook()];
    await updateWebhook(api.admin, { id: paused.id, paused: true });
    await api.admin.ask('mutation ($id: ID!) { deleteWebhook(id: $id) }', { id: deleted.id });
    await store('for neither');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(receiver.received).toEqual([]);
    expect(await webhookOf(api.admin, paused.id)).toMatchObject({ state: 'PAUSED', reason: 'BY_ADMIN' });
  });

  it('is signed with both secrets for a day after it was rotated', async () => {
    const { id, secret } = await hook();
    const { rotateWebhookSecret: rotated } = await api.admin.ask<{
      rotateWebhookSecret: { secret: string; webhook: { previousSecretUntil: string } };
    }>('mutation ($id: ID!) { rotateWebhookSecret(id: $id) { secret webhook { previousSecretUntil } } }', { id });
    expect(Date.parse(rotated.webhook.previousSecretUntil) - Date.now()).toBeGreaterThan(86_000_000);
    await store('with two signatures');
    const [first] = await receiver.hears(1);
    verify(secret, first as never);
    verify(rotated.secret, first as never);
    const text = `update webhook set previous_until = now() where webhook_id = $1`;
    await api.broker.database.maintenance(text, [id]);
    await store('with one signature');
    const second = await receiver.hearsOf('with one signature');
    expect(() => verify(secret, second)).toThrow();
    verify(rotated.secret, second);
  });
});
