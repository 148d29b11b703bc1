import { binaryArray, type Unit } from '#platform';
import type { MemorizeOutcome } from '../memory.js';

/** A key that a request uses, with what comes of it. */
export interface IdempotencyRecord {
  key: string;
  inputHash: Buffer;
  memoryId: string;
  outcome: MemorizeOutcome;
}

const CLAIM = `insert into idempotency as i (org_id, principal_id, key, input_hash, memory_id, outcome)
  select $1, $2, * from unnest($3::text[], $4::bytea[], $5::uuid[], $6::text[]) as claim (key, input_hash, memory_id, outcome)
  order by claim.key
  on conflict (org_id, principal_id, key) do update
    set input_hash = excluded.input_hash, memory_id = excluded.memory_id, outcome = excluded.outcome, memory_ids = null, outcomes = null,
      created_at = now()
    where i.created_at < now() - interval '24 hours'
  returning key`;

/** Their keys, hashes, memories and outcomes. */
export const claimValues = (claims: readonly IdempotencyRecord[]): Buffer[] => [
  binaryArray.text(claims.map((claim) => claim.key)),
  binaryArray.bytea(claims.map((claim) => claim.inputHash)),
  binaryArray.uuid(claims.map((claim) => claim.memoryId)),
  binaryArray.text(claims.map((claim) => claim.outcome)),
];

/**
 * Takes the keys for 24 hours, with what is expected to come of them; a parallel request with one of them waits here.
 * @returns the keys that were free
 */
export async function claimKeys(
  unit: Unit,
  orgId: string,
  principalId: string,
  claims: readonly IdempotencyRecord[],
): Promise<Set<string>> {
  const values = [orgId, principalId, ...claimValues(claims)];
  const rows = await unit.query<{ key: string }>({ name: 'claim_keys', text: CLAIM, values });
  return new Set(rows.map((row) => row.key));
}

export async function findClaims(
  unit: Unit,
  orgId: string,
  principalId: string,
  keys: readonly string[],
): Promise<IdempotencyRecord[]> {
  const text = `select key, input_hash as "inputHash", memory_id as "memoryId", outcome from idempotency
    where org_id = $1 and principal_id = $2 and key = any($3::text[])`;
  return unit.query<IdempotencyRecord>({ text, values: [orgId, principalId, keys] });
}

export async function settleClaims(
  unit: Unit,
  orgId: string,
  principalId: string,
  settled: readonly { key: string; memoryId: string | null; outcome: MemorizeOutcome | null }[],
): Promise<void> {
  const outcomes = {
    // Each looked up by its key, whatever the statistics say: joined, every key that the principal ever had was read.
    text: `update idempotency i set memory_id = s.memory_id, outcome = s.outcome
      from unnest($3::text[], $4::uuid[], $5::text[]) as s (key, memory_id, outcome)
        cross join lateral (select c.ctid from idempotency c where c.org_id = $1 and c.principal_id = $2 and c.key = s.key limit 1) c
      where i.org_id = $1 and i.principal_id = $2 and i.ctid = c.ctid`,
    values: [
      orgId,
      principalId,
      settled.map((s) => s.key),
      settled.map((s) => s.memoryId),
      settled.map((s) => s.outcome),
    ],
  };
  const refused = settled.filter(({ memoryId }) => memoryId === null).map(({ key }) => key);
  // A request whose input was refused leaves its key free.
  const free = {
    text: 'delete from idempotency where org_id = $1 and principal_id = $2 and memory_id is null and key = any($3::text[])',
    values: [orgId, principalId, refused],
  };
  await unit.query(outcomes);
  if (refused.length > 0) await unit.query(free);
}

/** Up to so many of the principal's keys that are older than 24 hours. @returns how many */
export async function deleteOldClaims(unit: Unit, orgId: string, principalId: string, atMost: number): Promise<number> {
  const text = `with gone as (
      delete from idempotency i where i.org_id = $1 and i.principal_id = $2 and i.ctid = any(array(
        select ctid from idempotency where org_id = $1 and principal_id = $2 and created_at < now() - interval '24 hours' limit $3))
      returning key
    ) select count(*)::integer as count from gone`;
  const [row] = await unit.query<{ count: number }>({ text, values: [orgId, principalId, atMost] });
  return row?.count ?? 0;
}
