import type { MemoryRow, Principal } from '#access';
import type { Unit } from '#platform';
import { toDecisionRow, type DecisionRecord } from '../memory.repository.js';

export interface Settlement {
  status: 'ACTIVE' | 'REJECTED';
  comment: string | null;
  /** Null: as it is. */
  contentHash: Buffer | null;
}

/** Neither a version nor a revision: what the memory says is what its author said. */
export async function settleProposal(unit: Unit, reviewer: Principal, id: string, to: Settlement): Promise<void> {
  const text = `update memory set status = $3, content_hash = coalesce($4, content_hash), reviewed_by = $5,
      reviewed_at = clock_timestamp(), review_comment = $6
    where org_id = $1 and memory_id = $2`;
  await unit.query({ text, values: [reviewer.orgId, id, to.status, to.contentHash, reviewer.id, to.comment] });
}

const SOURCE = `select memory_id as id, pool_id as "poolId", type, status, was_held as "wasHeld", entity_id as "entityId",
    session_id as "sessionId", speaker, author_id as "authorId", author_role as "authorRole", importance, labels,
    created_at as "createdAt", valid_from as "validFrom"
  from sec.promotion_source($1::uuid)`;

/** What decisions read of the memory that a waiting copy was promoted from, also where the caller does not reach its pool. */
export async function findPromotionSource(unit: Unit, copyId: string): Promise<MemoryRow | undefined> {
  const [record] = await unit.query<DecisionRecord>({ text: SOURCE, values: [copyId] });
  return record && toDecisionRow(record);
}

/** Whoever wrote any version of it. */
export async function findWriters(unit: Unit, orgId: string, id: string): Promise<string[]> {
  const text = `select changed_by as id from memory where org_id = $1 and memory_id = $2
    union all select changed_by from memory_revision where org_id = $1 and memory_id = $2`;
  return (await unit.query<{ id: string }>({ text, values: [orgId, id] })).map((row) => row.id);
}

export async function markPromoted(
  unit: Unit,
  orgId: string,
  copy: { id: string; from: string; originAuthors: readonly string[] },
): Promise<void> {
  const text = `update memory as copy set promoted_from = $3, origin_authors = $4::uuid[]
    where copy.org_id = $1 and copy.memory_id = $2`;
  await unit.query({ text, values: [orgId, copy.id, copy.from, copy.originAuthors] });
}

/** Of every space. @returns the ids of the spaces */
export async function copyVectors(
  unit: Unit,
  orgId: string,
  copy: { id: string; poolId: string; from: string },
): Promise<string[]> {
  const text = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding, shared)
    select v.org_id, v.space_id, $2, p.pool_id, v.embedding, p.vector_shared from memory_vector v
    join pool p on p.org_id = $1 and p.pool_id = $3 where v.org_id = $1 and v.memory_id = $4
    on conflict do nothing returning space_id as "spaceId"`;
  const values = [orgId, copy.id, copy.poolId, copy.from];
  return (await unit.query<{ spaceId: string }>({ text, values })).map(({ spaceId }) => spaceId);
}
