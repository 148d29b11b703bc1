import type { Unit } from '#platform';
import type { DeadLetter, PauseReason, Webhook } from './webhook.js';

/** All but the secrets, which callers may not select. */
const COLUMNS = `webhook_id as id, principal_id as "principalId", url, pools, types, entity_id as "entityId", state, reason, failures,
  last_error as "lastError", case when failures > 0 then next_attempt_at end as "nextAttemptAt", created_at as "createdAt",
  case when previous_until > clock_timestamp() then previous_until end as "previousSecretUntil"`;

export type NewWebhook = Pick<Webhook, 'id' | 'principalId' | 'url' | 'pools' | 'types' | 'entityId'> & {
  cursor: string;
  secret: Buffer;
};

export async function insertWebhook(unit: Unit, orgId: string, webhook: NewWebhook): Promise<void> {
  const { id, principalId, url, secret, pools, types, entityId, cursor } = webhook;
  await unit.query({
    text: `insert into webhook (org_id, webhook_id, principal_id, url, secret, pools, types, entity_id, cursor)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [orgId, id, principalId, url, secret, pools, types, entityId, cursor],
  });
}

export function listWebhooks(unit: Unit, orgId: string, atMost: number): Promise<Webhook[]> {
  const text = `select ${COLUMNS} from webhook where org_id = $1 order by created_at, webhook_id limit $2`;
  return unit.query<Webhook>({ text, values: [orgId, atMost] });
}

export async function findWebhook(unit: Unit, orgId: string, id: string): Promise<Webhook | undefined> {
  const text = `select ${COLUMNS} from webhook where org_id = $1 and webhook_id = $2`;
  return (await unit.query<Webhook>({ text, values: [orgId, id] }))[0];
}

/** It is tried at once where it leads now. */
export async function setUrl(unit: Unit, orgId: string, id: string, url: string): Promise<void> {
  await unit.query({
    text: `update webhook set url = $3, next_attempt_at = clock_timestamp() where org_id = $1 and webhook_id = $2`,
    values: [orgId, id, url],
  });
}

export async function pauseWebhook(unit: Unit, orgId: string, id: string, reason: PauseReason): Promise<void> {
  await unit.query({
    text: `update webhook set state = 'PAUSED', reason = $3 where org_id = $1 and webhook_id = $2 and state = 'ACTIVE'`,
    values: [orgId, id, reason],
  });
}

/** With all its attempts before it again. */
export async function resumeWebhook(unit: Unit, orgId: string, id: string): Promise<void> {
  await unit.query({
    text: `update webhook set state = 'ACTIVE', reason = null, failures = 0, event_id = null, dead_in_a_row = 0,
        last_error = null, next_attempt_at = clock_timestamp()
      where org_id = $1 and webhook_id = $2 and state = 'PAUSED'`,
    values: [orgId, id],
  });
}

export async function setSecret(unit: Unit, orgId: string, id: string, secret: Buffer): Promise<void> {
  await unit.query({
    text: 'update webhook set secret = $3 where org_id = $1 and webhook_id = $2',
    values: [orgId, id, secret],
  });
}

/** @returns whether it was there */
export async function deleteWebhook(unit: Unit, orgId: string, id: string): Promise<boolean> {
  const text = 'delete from webhook where org_id = $1 and webhook_id = $2 returning webhook_id';
  return (await unit.query({ text, values: [orgId, id] })).length > 0;
}

/** Newest first. */
export function listDeadLetters(unit: Unit, orgId: string, webhookId: string, atMost: number): Promise<DeadLetter[]> {
  const text = `select event_id as "eventId", kind, pool_key as "poolKey", memory_id as "memoryId", cursor, attempts,
      last_error as "lastError", died_at as "diedAt", redeliver_at as "redeliverAt"
    from webhook_dead_letter where org_id = $1 and webhook_id = $2 order by died_at desc, event_id desc limit $3`;
  return unit.query<DeadLetter>({ text, values: [orgId, webhookId, atMost] });
}

/** Marks the oldest that are not marked yet. @returns how many */
export async function askAgain(unit: Unit, orgId: string, webhookId: string, atMost: number): Promise<number> {
  const text = `update webhook_dead_letter set redeliver_at = clock_timestamp()
    where org_id = $1 and webhook_id = $2 and event_id in (
      select event_id from webhook_dead_letter where org_id = $1 and webhook_id = $2 and redeliver_at is null
      order by died_at, event_id limit $3
    ) returning event_id`;
  return (await unit.query({ text, values: [orgId, webhookId, atMost] })).length;
}
