import type { Unit } from '#platform';
import { DECISION_COLUMNS, toDecisionRow, type DecisionRecord } from '../memory.repository.js';
import type { Held } from './consolidation.js';

const COLUMNS = `${DECISION_COLUMNS}, m.version, m.content, m.metadata, m.valid_to as "validTo", m.expires_at as "expiresAt",
  m.consolidated_at as "consolidatedAt", m.promoted_from as "promotedFrom"`;

/** Of one pool, as the service sees it. */
export interface PoolScope {
  orgId: string;
  poolId: string;
}

/** The next ACTIVE memories of the pool behind `after`, which is null at first, in the order of writing. */
export async function readHeld(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  { after, atMost }: { after: string | null; atMost: number },
): Promise<Held[]> {
  const text = `select ${COLUMNS}, coalesce(u.recall_count, 0) as "recallCount", u.last_recalled_at as "lastRecalledAt"
    from memory m left join memory_usage u on u.org_id = $1 and u.memory_id = m.memory_id
    where m.org_id = $1 and m.pool_id = $2 and m.status = 'ACTIVE' and ($3::uuid is null or m.memory_id > $3)
    order by m.memory_id limit $4`;
  const rows = await unit.query<DecisionRecord<Held>>({ text, values: [orgId, poolId, after, atMost] });
  return rows.map((row) => toDecisionRow<Held>(row));
}

/** A memory that was read to be changed; what is forgotten is none. */
export interface Locked extends Held {
  supersededBy: string | null;
}

/** As they are now, whatever became of them. In the order of their ids, as others lock them who lock several. */
export async function lockHeld(unit: Unit, { orgId, poolId }: PoolScope, ids: readonly string[]): Promise<Locked[]> {
  const text = `select ${COLUMNS}, m.superseded_by as "supersededBy", 0 as "recallCount", null as "lastRecalledAt" from memory m
    where m.org_id = $1 and m.pool_id = $2 and m.memory_id = any($3::uuid[]) and m.content is not null
    order by m.memory_id for update`;
  const rows = await unit.query<DecisionRecord<Locked>>({ text, values: [orgId, poolId, ids] });
  return rows.map((row) => toDecisionRow<Locked>(row));
}

/** What the memories say, for a model that is asked before they are locked. */
export function readContents(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  ids: readonly string[],
): Promise<{ id: string; version: number; content: string; speaker: string | null }[]> {
  const text = `select memory_id as id, version, content, speaker from memory
    where org_id = $1 and pool_id = $2 and memory_id = any($3::uuid[]) and status = 'ACTIVE' order by memory_id`;
  return unit.query({ text, values: [orgId, poolId, ids] });
}
