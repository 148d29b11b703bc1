import type { Principal, MemoryType } from '#access';
import type { Unit } from '#platform';
import type { DeadLetter, Leased, PauseReason } from './webhook.js';

/** Older ones go when there are more: a receiver that is gone for good must not fill the database. */
const MAX_LETTERS = 1_000;

interface Row extends Pick<Leased, 'id' | 'leaseId' | 'url' | 'cursor' | 'active' | 'due' | 'failures' | 'eventId'> {
  orgId: string;
  principalId: string;
  kind: Principal['kind'];
  name: string;
  role: string;
  secret: Buffer;
  previousSecret: Buffer | null;
  pools: string[] | null;
  types: MemoryType[] | null;
  entityId: string | null;
  deadInARow: number;
  lastError: string | null;
}

const LEASED = `w.org_id as "orgId", w.webhook_id as id, w.lease_id as "leaseId", w.url, w.secret, w.pools, w.types,
  case when w.previous_until > clock_timestamp() then w.previous_secret end as "previousSecret",
  w.entity_id as "entityId", w.cursor, w.state = 'ACTIVE' as active, w.next_attempt_at <= clock_timestamp() as due,
  w.failures, w.event_id as "eventId", w.dead_in_a_row as "deadInARow", w.last_error as "lastError",
  p.principal_id as "principalId", p.kind, p.name, p.role_key as role`;

function toLeased({ orgId, principalId, kind, name, role, secret, previousSecret, ...row }: Row): Leased {
  const { pools, types, entityId, ...rest } = row;
  return {
    ...rest,
    principal: { orgId, id: principalId, kind, name, role, keyId: null, tokenExpiresAt: null },
    secrets: previousSecret ? [secret, previousSecret] : [secret],
    input: { pools, types, entityId },
  };
}

const until = (place: number) => `clock_timestamp() + make_interval(secs => $${place}::double precision / 1000)`;

/** One that has something to do and that nobody serves, the longest waiting first; not one of `except`. */
export async function lease(
  unit: Unit,
  orgId: string,
  { leaseId, leaseMs, except }: { leaseId: string; leaseMs: number; except: readonly string[] },
): Promise<Leased | undefined> {
  // Materialized: a plan that joins may run the subselect again for each row, and lease one more each time.
  const text = `with found as materialized (
      select webhook_id from webhook c
      where c.org_id = $1 and c.state = 'ACTIVE' and c.webhook_id <> all ($4::uuid[])
        and (c.leased_until is null or c.leased_until <= clock_timestamp())
        and (c.next_attempt_at <= clock_timestamp() or exists (
          select from webhook_dead_letter d
          where d.org_id = $1 and d.webhook_id = c.webhook_id and d.redeliver_at is not null))
      order by c.next_attempt_at, c.webhook_id limit 1 for update skip locked
    )
    update webhook w set lease_id = $2, leased_until = ${until(3)} from found, principal p
    where w.org_id = $1 and w.webhook_id = found.webhook_id and p.org_id = $1 and p.principal_id = w.principal_id
    returning ${LEASED}`;
  const [row] = await unit.query<Row>({ name: 'webhook_lease', text, values: [orgId, leaseId, leaseMs, except] });
  return row && toLeased(row);
}

export interface Settled {
  cursor: string;
  failures: number;
  eventId: string | null;
  deadInARow: number;
  lastError: string | null;
  waitMs: number;
  pause: PauseReason | null;
}

/** Stores what came of an attempt, and holds the lease for longer. @returns undefined where another has it by now */
export async function settle(
  unit: Unit,
  orgId: string,
  { id, leaseId }: Pick<Leased, 'id' | 'leaseId'>,
  to: Settled & { leaseMs: number },
): Promise<Leased | undefined> {
  const text = `update webhook w set cursor = $4, failures = $5, event_id = $6, dead_in_a_row = $7, last_error = $8,
      next_attempt_at = ${until(9)}, state = case when $10::text is null then w.state else 'PAUSED' end,
      reason = coalesce($10, w.reason), leased_until = ${until(11)}
    from principal p
    where w.org_id = $1 and w.webhook_id = $2 and w.lease_id = $3 and p.org_id = $1 and p.principal_id = w.principal_id
    returning ${LEASED}`;
  const { cursor, failures, eventId, deadInARow, lastError, waitMs, pause, leaseMs } = to;
  const values = [orgId, id, leaseId, cursor, failures, eventId, deadInARow, lastError, waitMs, pause, leaseMs];
  const [row] = await unit.query<Row>({ name: 'webhook_settle', text, values });
  return row && toLeased(row);
}

/** The lease for longer, and the webhook as it is now. @returns undefined where another has it by now */
export async function holdOn(
  unit: Unit,
  orgId: string,
  { id, leaseId }: Pick<Leased, 'id' | 'leaseId'>,
  leaseMs: number,
): Promise<Leased | undefined> {
  const text = `update webhook w set leased_until = ${until(4)} from principal p
    where w.org_id = $1 and w.webhook_id = $2 and w.lease_id = $3 and p.org_id = $1 and p.principal_id = w.principal_id
    returning ${LEASED}`;
  const [row] = await unit.query<Row>({ name: 'webhook_hold_on', text, values: [orgId, id, leaseId, leaseMs] });
  return row && toLeased(row);
}

/** Others come first the next time. @param waitMs at the least, unless it waits for a time of its own */
export async function release(
  unit: Unit,
  orgId: string,
  { id, leaseId }: Pick<Leased, 'id' | 'leaseId'>,
  waitMs: number,
): Promise<void> {
  await unit.query({
    text: `update webhook set lease_id = null, leased_until = null, next_attempt_at = greatest(next_attempt_at, ${until(4)})
      where org_id = $1 and webhook_id = $2 and lease_id = $3`,
    values: [orgId, id, leaseId, waitMs],
  });
}

export type NewLetter = Pick<
  DeadLetter,
  'eventId' | 'kind' | 'poolKey' | 'memoryId' | 'cursor' | 'attempts' | 'lastError'
>;

export async function bury(unit: Unit, orgId: string, webhookId: string, letter: NewLetter): Promise<void> {
  const { eventId, kind, poolKey, memoryId, cursor, attempts, lastError } = letter;
  await unit.query({
    text: `insert into webhook_dead_letter (org_id, webhook_id, event_id, kind, pool_key, memory_id, cursor, attempts, last_error)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      on conflict (org_id, webhook_id, event_id) do update
        set attempts = excluded.attempts, last_error = excluded.last_error, died_at = excluded.died_at`,
    values: [orgId, webhookId, eventId, kind, poolKey, memoryId, cursor, attempts, lastError],
  });
  await unit.query({
    text: `delete from webhook_dead_letter where org_id = $1 and webhook_id = $2 and event_id in (
        select event_id from webhook_dead_letter where org_id = $1 and webhook_id = $2
        order by died_at desc, event_id desc offset $3)`,
    values: [orgId, webhookId, MAX_LETTERS],
  });
}

export type LetterToSend = Pick<DeadLetter, 'eventId' | 'poolKey' | 'cursor'>;

export async function nextToRedeliver(unit: Unit, orgId: string, webhookId: string): Promise<LetterToSend | undefined> {
  const text = `select event_id as "eventId", pool_key as "poolKey", cursor from webhook_dead_letter
    where org_id = $1 and webhook_id = $2 and redeliver_at is not null order by died_at, event_id limit 1`;
  return (await unit.query<LetterToSend>({ text, values: [orgId, webhookId] }))[0];
}

export async function dropLetter(unit: Unit, orgId: string, webhookId: string, eventId: string): Promise<void> {
  await unit.query({
    text: 'delete from webhook_dead_letter where org_id = $1 and webhook_id = $2 and event_id = $3',
    values: [orgId, webhookId, eventId],
  });
}

/** It stays, until an admin asks once more. */
export async function keepLetter(
  unit: Unit,
  orgId: string,
  webhookId: string,
  { eventId, lastError }: { eventId: string; lastError: string },
): Promise<void> {
  await unit.query({
    text: `update webhook_dead_letter set redeliver_at = null, attempts = attempts + 1, last_error = $4
      where org_id = $1 and webhook_id = $2 and event_id = $3`,
    values: [orgId, webhookId, eventId, lastError],
  });
}
