import {
  findPrincipals,
  wouldShowMore,
  type Access,
  type ActivePolicy,
  type Grants,
  type MaskableField,
  type MemoryRow,
} from '#access';
import type { Unit } from '#platform';
import type { Memory } from '../memory.js';
import type { LockedMemory } from '../memory.repository.js';

/** A promotion as it is asked about: when it is made, and again when a reviewer approves the copy. */
export interface Promotion {
  source: MemoryRow;
  /** As it would be: once it is ACTIVE, and, where it waits before that, as its reviewers see it. */
  copies: readonly MemoryRow[];
  /** What it tells beside that it is there. */
  holds: readonly MaskableField[];
  /** What whoever promotes may do. */
  promoter: Access;
}

/**
 * Why the promotion may not be; null where it may. Its maker must read the source; and where the copy would show anybody
 * what the source does not show them, its maker must be a reviewer of the source too: a promotion never widens in silence.
 */
export async function whyNotPromoted(unit: Unit, grants: Grants, promotion: Promotion): Promise<string | null> {
  const { source, copies, holds, promoter } = promotion;
  const read = promoter.decide('READ', source);
  if (!read.allowed) return read.reason;
  if (!(await showsMore(unit, grants, { source, copies, holds }))) return null;
  const review = promoter.decide('REVIEW', source);
  if (review.allowed) return null;
  return `the copy could be read by some who cannot read what it is made from, so REVIEW is needed there too: ${review.reason}`;
}

/** Why a promoted copy may not be revised so; null where it may. What its labels or importance kept closed stays so. */
export async function whyNotRevised(
  unit: Unit,
  grants: Grants,
  { before, after }: { before: LockedMemory; after: LockedMemory },
): Promise<string | null> {
  if (before.promotedFrom === null) return null;
  const active = (memory: LockedMemory): LockedMemory => ({ ...memory, status: 'ACTIVE' });
  const [source, copies, holds] = [active(before), [active(after)], heldFields(after)];
  if (!(await showsMore(unit, grants, { source, copies, holds }))) return null;
  const review = grants.access.decide('REVIEW', before);
  return review.allowed ? null : `a promoted copy would be read by some who cannot read it now: ${review.reason}`;
}

async function showsMore(
  unit: Unit,
  { policy }: Grants,
  { source, copies, holds }: Omit<Promotion, 'promoter'>,
): Promise<boolean> {
  const owners = await ownersOf(
    unit,
    policy,
    [source, ...copies].map(({ poolId }) => poolId),
  );
  const readers = { roles: policy.roles, owners };
  return copies.some((copy) => wouldShowMore(policy.compiled, policy.pools, readers, { source, copy, holds }));
}

/** The author of a copy is whoever made it, and is nothing of the source. */
export function heldFields(
  copy: Pick<Memory, 'content' | 'labels' | 'metadata' | 'entityId' | 'sessionId' | 'speaker'>,
) {
  const fields = ['content', 'metadata', 'entityId', 'sessionId', 'speaker'] as const;
  const held: MaskableField[] = fields.filter((field) => copy[field] !== null);
  return copy.labels?.length ? [...held, 'labels' as const] : held;
}

async function ownersOf(unit: Unit, { orgId, pools }: ActivePolicy, poolIds: readonly string[]) {
  const ids = pools.flatMap((pool) => (poolIds.includes(pool.id) && pool.ownerId ? [pool.ownerId] : []));
  if (ids.length === 0) return [];
  return (await findPrincipals(unit, orgId, ids)).map(({ id, role }) => ({ id, role }));
}
