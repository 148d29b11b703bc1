import type { Language, Principal } from '#access';
import type { Unit } from '#platform';
import { contentHash } from '../memorize/memorize-command.js';
import { deleteVectors } from '../memory-index.repository.js';
import { importanceRank, type LockedMemory } from '../memory.repository.js';
import { ANALYSIS, analyseMemory } from '../recall/analysis.js';
import { termVector } from '../recall/term-vector.js';
import { traitsOf } from '../recall/traits.js';
import { deleteUsage } from '../usage/usage.repository.js';

export async function archiveRevision(unit: Unit, orgId: string, memory: LockedMemory): Promise<void> {
  await unit.query({
    text: `insert into memory_revision (org_id, memory_id, version, content, changed_by, changed_at, reason) values ($1, $2, $3, $4, $5, $6, $7)`,
    values: [orgId, memory.id, memory.version, memory.content, memory.changedBy, memory.updatedAt, memory.changeReason],
  });
}

/**
 * The next version, as `memory` now says. `rehash` where its content is another: its words and its identity are too.
 * @param change.language of its pool
 * @param change.apart whether the identity is the caller's alone, since the same content stands where the caller does not see it
 */
export async function updateMemory(
  unit: Unit,
  caller: Principal,
  memory: LockedMemory,
  change: { reason: string | null; now: Date; rehash: boolean; apart: boolean; language: Language },
): Promise<void> {
  const values: unknown[] = [
    caller.orgId,
    memory.id,
    importanceRank(memory.importance),
    memory.labels,
    memory.metadata && JSON.stringify(memory.metadata),
    memory.expiresAt,
    caller.id,
    change.reason,
    change.now,
  ];
  const content = change.rehash ? contentColumns(memory, change.language, change.apart ? caller.id : null, values) : '';
  await unit.query({
    text: `update memory set version = version + 1, importance = $3, labels = $4, metadata = $5::jsonb, expires_at = $6,
      changed_by = $7, change_reason = $8, updated_at = $9${content} where org_id = $1 and memory_id = $2`,
    values,
  });
}

function contentColumns(memory: LockedMemory, language: Language, scope: string | null, values: unknown[]): string {
  const content = memory.content as string;
  const terms = analyseMemory({ content, speaker: memory.speaker }, language);
  const from =
    values.push(
      content,
      contentHash({ content, entityId: memory.entityId }, scope),
      termVector(terms),
      terms.length,
      traitsOf(content),
    ) - 4;
  return `, content = $${from}, content_hash = $${from + 1}, terms = $${from + 2}::tsvector, term_count = $${from + 3}, traits = $${from + 4},
      analysis = ${ANALYSIS}`;
}

/** Leaves a tombstone: what the policy's conditions look at stays, so that only those hear of it who could see the memory. */
export async function buryMemory(
  unit: Unit,
  caller: Pick<Principal, 'orgId' | 'id'>,
  id: string,
  change: { reason: string | null; now: Date },
): Promise<void> {
  const values = [caller.orgId, id];
  await deleteVectors(unit, caller.orgId, id);
  await deleteUsage(unit, caller.orgId, id);
  await unit.query({ text: 'delete from memory_revision where org_id = $1 and memory_id = $2', values });
  await unit.query({
    text: `update memory set was_held = status in ('PROPOSED', 'REJECTED', 'QUARANTINED'), status = 'FORGOTTEN', content = null, terms = '', term_count = 0, traits = 0, metadata = null, review_comment = null, version = version + 1,
      content_hash = '\\x', changed_by = $3, change_reason = $4, updated_at = $5 where org_id = $1 and memory_id = $2`,
    values: [...values, caller.id, change.reason, change.now],
  });
}
