import { Destinations } from '#feed';
import { newId } from '#kernel';
import { Deliverer } from '../../libs/feed/src/webhooks/deliverer.js';
import { bury, lease } from '../../libs/feed/src/webhooks/delivery.repository.js';
import { WEBHOOK_TIMING } from '../../libs/feed/src/webhooks/webhook.js';
import { status, WebhookReceiver } from '../support/webhook-receiver.js';
import type { Path } from './read-paths.js';
import { COMMON, type Twins } from './twins.js';

/** Once for each of these, and then never again, so that events are given up. */
const SCHEDULE = [0, 0];

/** One with a dead letter, of which the twin gets a copy; the broker of the twins does not serve it by itself. */
export async function insertWebhook(twins: Twins): Promise<void> {
  const { broker, callers, cursor } = twins;
  const input = { url: 'http://127.0.0.1:1/', principalId: callers.tester.id, after: cursor };
  const { webhook } = await broker.webhooks.create(callers.admin, input);
  const letter = { eventId: newId(), kind: 'MEMORIZED', poolKey: 'tester', memoryId: newId(), cursor, attempts: 2 };
  await broker.access.system('test', (unit) =>
    bury(unit, twins.org, webhook.id, { ...letter, lastError: `the ${COMMON}` }),
  );
}

const known = async ({ broker, callers }: Twins): Promise<string> =>
  (await broker.webhooks.list(callers.admin))[0]?.id as string;

async function change(twins: Twins): Promise<void> {
  const { webhooks } = twins.broker;
  const { admin } = twins.callers;
  const id = await known(twins);
  for (const paused of [true, false]) await webhooks.update(admin, { id, paused });
  await webhooks.update(admin, { id, url: 'http://127.0.0.1:2/' });
  await webhooks.rotateSecret(admin, id);
  await webhooks.deadLetters(admin, id, 10);
}

/** To a receiver that refuses at first: retries, dead letters, deliveries, and the end of the log. */
async function deliver(twins: Twins, refused: number, atLeast: number): Promise<void> {
  const { broker, org } = twins;
  const receiver = await WebhookReceiver.start();
  receiver.orders.push(...Array.from({ length: refused }, () => status(500)));
  await broker.webhooks.update(twins.callers.admin, { id: await known(twins), url: receiver.url });
  const never = new AbortController().signal;
  const destinations = new Destinations(['127.0.0.1']);
  const timing = { ...WEBHOOK_TIMING, scheduleMs: SCHEDULE };
  const deliverer = new Deliverer(broker.access, broker.feed, destinations, timing, { soon: never, now: never });
  const order = { leaseId: newId(), leaseMs: timing.leaseMs, except: [] };
  const leased = await broker.access.system('test', (unit) => lease(unit, org, order));
  await deliverer.visit(leased as NonNullable<typeof leased>);
  await receiver.close();
  if (receiver.received.length < atLeast) throw new Error('too little was delivered');
}

async function redeliver(twins: Twins): Promise<void> {
  await twins.broker.webhooks.redeliver(twins.callers.admin, await known(twins), 100);
  await deliver(twins, 1, 2);
}

/** In this order. */
export const WEBHOOK_PATHS: readonly Path[] = [
  ['changing a webhook', change],
  ['delivering', (twins) => deliver(twins, 7, 9)],
  ['redelivering', redeliver],
  ['a webhook more', insertWebhook],
  [
    'deleting a webhook',
    async (twins) => void (await twins.broker.webhooks.delete(twins.callers.admin, await known(twins))),
  ],
];
