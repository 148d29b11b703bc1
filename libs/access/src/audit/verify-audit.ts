import { notFound } from '#kernel';
import type { Database } from '#platform';
import { OrganizationEntity } from '../directory/directory.entity.js';
import { openAsSystem } from '../gate/access.repository.js';
import { AuditChain, type Anchor } from './audit-chain.js';
import { listOldest, readAuditHead } from './audit.repository.js';

const PAGE = 1_000;
const NOBODY = '00000000-0000-0000-0000-000000000000';

export interface AuditVerification {
  /** Null: whole. */
  problem: string | null;
  /** The last sound entry; number 0 of an empty log. */
  end: Anchor;
}

/**
 * Recomputes every hash of the log, here and not in the database that keeps it.
 * @param anchors entries as they were told before
 * @throws NOT_FOUND before the first start
 */
export async function verifyAudit(
  database: Database,
  anchors: readonly Anchor[],
  onProgress: (checked: number, of: number) => void,
): Promise<AuditVerification> {
  const orgId = await findOrganization(database);
  const chain = new AuditChain(orgId, anchors);
  const asSystem = { role: 'commonplace_system' as const, opening: openAsSystem(orgId) };
  // Read first: what is written meanwhile comes behind it, and is not asked for.
  const head = await database.unit(asSystem, (unit) => readAuditHead(unit, orgId));
  const total = head?.seq ?? 0;
  if (head && head.newest !== total) {
    const problem = `the log holds entry ${head.newest}, and its head says that ${total} were written`;
    return { problem, end: chain.end };
  }
  for (;;) {
    const { seq } = chain.end;
    const page = await database.unit(asSystem, (unit) => listOldest(unit, orgId, seq, PAGE));
    for (const entry of page) {
      if (entry.seq > total) break;
      const problem = chain.add(entry);
      if (problem) return { problem, end: chain.end };
    }
    onProgress(chain.end.seq, total);
    if (chain.end.seq >= total || chain.end.seq === seq) return { problem: chain.finish(head), end: chain.end };
  }
}

async function findOrganization(database: Database): Promise<string> {
  const scope = { role: 'commonplace_system' as const, opening: openAsSystem(NOBODY) };
  const [organization] = await database.unit(scope, (unit) => unit.entities(OrganizationEntity).find({ take: 1 }));
  if (!organization) throw notFound('The organisation');
  return organization.orgId;
}
