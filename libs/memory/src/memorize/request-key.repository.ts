import type { Principal } from '#access';
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

type Owner = Pick<Principal, 'orgId' | 'id'>;

const CLAIM = `insert into idempotency as i (org_id, principal_id, key, input_hash) values ($1, $2, $3, $4)
  on conflict (org_id, principal_id, key) do update
    set input_hash = excluded.input_hash, memory_id = null, outcome = null, memory_ids = null, outcomes = null, created_at = now()
    where i.created_at < now() - interval '24 hours'
  returning key`;

/** Takes the key for 24 hours; a parallel request with it waits here. @returns whether it was free */
export async function claimRequest(unit: Unit, { orgId, id }: Owner, { key, inputHash }: RequestKey): Promise<boolean> {
  const values = [orgId, id, key, inputHash];
  return (await unit.query({ name: 'claim_request', text: CLAIM, values })).length > 0;
}

type Standing = RequestOutcome & Pick<RequestKey, 'inputHash'>;

/** What came of it before; others with the key wait for the end of the unit, so that what is missing is stored once. */
export async function holdRequest(unit: Unit, { orgId, id }: Owner, key: string): Promise<Standing | undefined> {
  const text = `select input_hash as "inputHash", coalesce(memory_ids, '{}') as "memoryIds", coalesce(outcomes, '{}') as outcomes
    from idempotency where org_id = $1 and principal_id = $2 and key = $3 for update`;
  const [row] = await unit.query<Standing>({ text, values: [orgId, id, key] });
  return row;
}

/** Of a request of which nothing was stored the key is free again. */
export async function settleRequest(
  unit: Unit,
  { orgId, id }: Owner,
  key: string,
  { memoryIds, outcomes }: RequestOutcome,
): Promise<void> {
  const free = 'delete from idempotency where org_id = $1 and principal_id = $2 and key = $3';
  const stored =
    'update idempotency set memory_ids = $4, outcomes = $5 where org_id = $1 and principal_id = $2 and key = $3';
  if (memoryIds.every((memoryId) => memoryId === null)) await unit.query({ text: free, values: [orgId, id, key] });
  else
    await unit.query({
      text: stored,
      values: [orgId, id, key, binaryArray.uuid(memoryIds), binaryArray.text(outcomes)],
    });
}
