import type { Grants, MemoryRow } from '#access';
import { CommonplaceError } from '#kernel';

/** As it would stand in its pool. */
export type NewRow = MemoryRow & { readonly status: 'ACTIVE' };

/**
 * ACTIVE for whoever may WRITE, PROPOSED for whoever may PROPOSE. Asked of the very memory that would be stored:
 * conditions of the policy may look at any of its fields. @throws FORBIDDEN
 */
export function statusOf({ access }: Grants, active: NewRow): 'ACTIVE' | 'PROPOSED' {
  if (access.can('WRITE', active)) return 'ACTIVE';
  if (access.can('PROPOSE', { ...active, status: 'PROPOSED' })) return 'PROPOSED';
  throw new CommonplaceError('FORBIDDEN', access.decide('WRITE', active).reason);
}
