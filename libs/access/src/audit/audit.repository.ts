import { newId, type JsonObject } from '#kernel';
import type { Unit } from '#platform';
import { SqlParams } from '../policy/index.js';

/** What the audit log tells of. Past forms of the verbs that a caller used, by what they were about. */
export type AuditAction =
  | 'organization.create'
  | 'policy.activate'
  | 'policy.rollback'
  | 'key.issue'
  | 'key.revoke'
  | 'agent.register'
  | 'pool.create'
  | 'pool.weigh'
  | 'pool.language'
  | 'pool.consolidation'
  | 'role.create'
  | 'memory.review'
  | 'memory.promote'
  | 'memory.erase'
  | 'consolidation.run'
  | 'consolidation.undo'
  | 'feed.renew'
  | 'webhook.create'
  | 'webhook.update'
  | 'webhook.delete'
  | 'webhook.rotate'
  | 'webhook.redeliver';

export interface AuditEvent {
  action: AuditAction;
  /** The id or key of what was changed. */
  target: string;
  /** Never content, and never a secret. */
  detail: JsonObject;
}

/** An entry as it is stored; `at` is as Postgres writes it, in microseconds, for the hash holds those. */
export interface StoredAuditEntry {
  orgId: string;
  seq: number;
  id: string;
  at: string;
  principalId: string | null;
  action: string;
  target: string | null;
  /** JSON, as it was written. */
  detail: string;
  previousHash: Buffer;
  hash: Buffer;
}

/**
 * Writes one entry in the unit of what it tells of: both are stored, or neither. The database says who, when and behind
 * which entry. Make it the unit's last change: from here to the commit the organisation's other changes wait.
 */
export async function appendAudit(unit: Unit, { action, target, detail }: AuditEvent): Promise<void> {
  await unit.query({
    name: 'append_audit',
    text: 'select sec.append_audit($1::uuid, $2, $3, $4::json)',
    values: [newId(), action, target, JSON.stringify(detail)],
  });
}

const COLUMNS = `org_id as "orgId", seq, entry_id as id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
  principal_id as "principalId", action, target, detail::text as detail, previous_hash as "previousHash", hash`;

/** Newest first, from before the entry `before`. */
export function listNewest(
  unit: Unit,
  orgId: string,
  page: { before: number | null; atMost: number },
): Promise<StoredAuditEntry[]> {
  const params = new SqlParams();
  const where = [`org_id = ${params.add(orgId, 'uuid')}`];
  if (page.before !== null) where.push(`seq < ${params.add(page.before, 'bigint')}`);
  const text = `select ${COLUMNS} from audit_entry where ${where.join(' and ')} order by seq desc limit ${params.add(page.atMost, 'integer')}`;
  return unit.query<StoredAuditEntry>({ text, values: params.values });
}

/** Oldest first, from behind the entry `after`. */
export function listOldest(unit: Unit, orgId: string, after: number, atMost: number): Promise<StoredAuditEntry[]> {
  const text = `select ${COLUMNS} from audit_entry where org_id = $1 and seq > $2 order by seq limit $3`;
  return unit.query<StoredAuditEntry>({ text, values: [orgId, after, atMost] });
}

export interface AuditHead {
  seq: number;
  hash: Buffer;
}

/** The head, and the newest entry's number in the same moment: a head that was wound back or removed shows beside it. */
export async function readAuditHead(unit: Unit, orgId: string): Promise<(AuditHead & { newest: number }) | undefined> {
  const text = `select coalesce(h.seq, 0) as seq, coalesce(h.hash, '') as hash, e.newest
    from (select coalesce(max(seq), 0) as newest from audit_entry where org_id = $1) e
    left join audit_head h on h.org_id = $1 where h.seq is not null or e.newest > 0`;
  return (await unit.query<AuditHead & { newest: number }>({ text, values: [orgId] }))[0];
}
