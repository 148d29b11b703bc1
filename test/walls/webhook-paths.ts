import { Destinations } from '#feed';
import { newId } from '#kernel';
import { Deliverer } from '../../libs/feed/src/webhooks/deliverer.js';
import {
  bury,
  holdOn,
  lease,
  nextToRedeliver,
  settle,
  type NewLetter,
  type Settled,
} from '../../libs/feed/src/webhooks/delivery.repository.js';
import { WEBHOOK_TIMING } from '../../libs/feed/src/webhooks/webhook.js';
import { status, WebhookReceiver } from '../support/webhook-receiver.js';
import type { Path } from './read-paths.js';
import { THERE_ALONE } from './twin.js';
import { COMMON, type Twins } from './twins.js';

/** Once for each of these, and then never again, so that events are given up. */
const SCHEDULE = [0, 0];
const SETTLED: Settled = {
  cursor: '',
  failures: 0,
  eventId: null,
  deadInARow: 0,
  lastError: null,
  waitMs: 0,
  pause: null,
};

/** One with a dead letter, of which the twin gets a copy; the broker of the twins does not serve it by itself. */
export async function insertWebhook(twins: Twins): Promise<void> {
  const { broker, callers, cursor } = twins;
  const input = { url: 'http://127.0.0.1:1/', principalId: callers.tester.id, after: cursor };
  const { webhook } = await broker.webhooks.create(callers.admin, input);
  await broker.access.system('test', (unit) => bury(unit, twins.org, webhook.id, letter(twins)));
}

const letter = ({ cursor }: Twins): NewLetter => ({
  eventId: newId(),
  kind: 'MEMORIZED',
  poolKey: 'tester',
  memoryId: newId(),
  cursor,
  attempts: 2,
  lastError: `the ${COMMON}`,
});

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

/** What is marked already here is not there. */
async function redeliver(twins: Twins): Promise<void> {
  const { broker, callers, database, twin } = twins;
  const id = await known(twins);
  await broker.webhooks.redeliver(callers.admin, id, 100);
  await database.maintenance('update webhook_dead_letter set redeliver_at = null where org_id = $1', [twin]);
  await broker.webhooks.redeliver(callers.admin, id, 100);
  await deliver(twins, 1, 2);
}

const LEASE_MS = 60_000;
const leaseNext = ({ broker, org }: Twins) =>
  broker.access.system('test', (unit) => lease(unit, org, { leaseId: newId(), leaseMs: LEASE_MS, except: [] }));

const nextAttempt = ({ database }: Twins, org: string, wait: string) =>
  database.maintenance(
    'update webhook set next_attempt_at = now() + $2::interval, lease_id = null, leased_until = null where org_id = $1',
    [org, wait],
  );

/** There are others that are due, and one that is here too has a letter to be sent again. */
async function nothingDue(twins: Twins): Promise<void> {
  const { database, twin, org } = twins;
  await database.maintenance(
    `insert into webhook (org_id, webhook_id, principal_id, url, secret, cursor)
    select org_id, gen_random_uuid(), principal_id, url, secret, cursor from webhook where org_id = $1`,
    [twin],
  );
  await database.maintenance('update webhook_dead_letter set redeliver_at = now() where org_id = $1', [twin]);
  const id = await known(twins);
  if (await twins.broker.access.system('test', (unit) => nextToRedeliver(unit, org, id)))
    throw new Error('a letter is sent again that nobody asked for');
  await nextAttempt(twins, twin, '-1 day');
  await nextAttempt(twins, org, '1 hour');
  if (await leaseNext(twins)) throw new Error('something was leased');
  await nextAttempt(twins, org, '-1 second');
  if (!(await leaseNext(twins))) throw new Error('nothing was leased');
  await nextAttempt(twins, org, '-1 second');
}

/** Foreign keys do not let it come to that; a webhook must not look through the eyes of somebody else all the same. */
async function ofSomebodyThere(twins: Twins): Promise<void> {
  const { broker, database, org } = twins;
  const [id, leaseId] = [newId(), newId()];
  await database.maintenance(`do $$ begin
    set local session_replication_role = replica;
    insert into webhook (org_id, webhook_id, principal_id, url, secret, cursor, lease_id, next_attempt_at)
    select org_id, '${id}', '${THERE_ALONE.agent}', url, secret, cursor, '${leaseId}', now() - interval '2 days'
    from webhook where org_id = '${org}' limit 1;
  end $$`);
  const found = await broker.access.system('test', async (unit) => [
    await holdOn(unit, org, { id, leaseId }, LEASE_MS),
    await settle(unit, org, { id, leaseId }, { ...SETTLED, leaseMs: LEASE_MS }),
  ]);
  await database.maintenance('update webhook set leased_until = null where org_id = $1 and webhook_id = $2', [org, id]);
  found.push(await leaseNext(twins));
  if (found.some((one) => one !== undefined)) throw new Error('somebody else was found');
  await database.maintenance('delete from webhook where org_id = $1 and webhook_id = $2', [org, id]);
}

/** As many as are kept, and one more. */
async function buryTooMany(twins: Twins): Promise<void> {
  const { broker, database, org } = twins;
  const id = await known(twins);
  await database.maintenance(
    `insert into webhook_dead_letter (org_id, webhook_id, event_id, kind, pool_key, memory_id, cursor, attempts, last_error, died_at)
     select $1, $2, gen_random_uuid(), 'MEMORIZED', 'tester', gen_random_uuid(), '', 1, 'too many', now() - interval '1 day'
     from generate_series(1, 1000)`,
    [org, id],
  );
  await broker.access.system('test', (unit) => bury(unit, org, id, letter(twins)));
  await database.maintenance(`delete from webhook_dead_letter where last_error = 'too many'`);
}

/** In this order. */
export const WEBHOOK_PATHS: readonly Path[] = [
  ['changing a webhook', change],
  ['delivering', (twins) => deliver(twins, 7, 9)],
  ['redelivering', redeliver],
  ['nothing to deliver', nothingDue],
  ['a webhook of somebody who is not here', ofSomebodyThere],
  ['burying more letters than are kept', buryTooMany],
  ['a webhook more', insertWebhook],
  [
    'deleting a webhook',
    async (twins) => void (await twins.broker.webhooks.delete(twins.callers.admin, await known(twins))),
  ],
];
