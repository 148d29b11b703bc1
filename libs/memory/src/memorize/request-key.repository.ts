import { binaryArray, type Unit } from '#platform';
import type { MemorizeOutcome } from '../memory.js';

/** One key for all inputs of a request. */
export interface RequestKey {
  key: string;
  inputHash: Buffer;
  /** How many inputs it has. */
  inputs: number;
}

/** Of each input, in their order: null of what was refused. */
export interface RequestOutcome {
  memoryIds: (string | null)[];
  outcomes: (MemorizeOutcome | null)[];
}

const CLAIM = `insert into idempotency as i (org_id, principal_id, key, input_hash) values ($1, $2, $3, $4)
  on conflict (org_id, principal_id, key) do update
    set input_hash = excluded.input_hash, memory_id = null, outcome = null, memory_ids = null, outcomes = null, created_at = now()
    where i.created_at < now() - interval '24 hours'
  returning key`;

/** Takes the key for 24 hours; a parallel request with it waits here. @returns whether it was free */
export async function claimRequest(
  unit: Unit,
  orgId: string,
  principalId: string,
  request: RequestKey,
): Promise<boolean> {
  const values = [orgId, principalId, request.key, request.inputHash];
  return (await unit.query({ name: 'claim_request', text: CLAIM, values })).length > 0;
}

/** What came of it before; others with the key wait for the end of the unit, so that what is missing is stored once. */
export async function holdRequest(
  unit: Unit,
  orgId: string,
  principalId: string,
  key: string,
): Promise<(RequestOutcome & { inputHash: Buffer }) | undefined> {
  const text = `select input_hash as "inputHash", coalesce(memory_ids, '{}') as "memoryIds", coalesce(outcomes, '{}') as outcomes
    from idempotency where org_id = $1 and principal_id = $2 and key = $3 for update`;
  const [row] = await unit.query<RequestOutcome & { inputHash: Buffer }>({ text, values: [orgId, principalId, key] });
  return row;
}

/** Of a request of which nothing was stored the key is free again. */
export async function settleRequest(
  unit: Unit,
  orgId: string,
  principalId: string,
  key: string,
  { memoryIds, outcomes }: RequestOutcome,
): Promise<void> {
  const owner = [orgId, principalId, key];
  const isStored = memoryIds.some((id) => id !== null);
  await unit.query(
    isStored
      ? {
          text: `update idempotency set memory_ids = $4, outcomes = $5 where org_id = $1 and principal_id = $2 and key = $3`,
          values: [...owner, binaryArray.uuid(memoryIds), binaryArray.text(outcomes)],
        }
      : { text: 'delete from idempotency where org_id = $1 and principal_id = $2 and key = $3', values: owner },
  );
}
