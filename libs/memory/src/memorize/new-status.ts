import type { Grants, MemoryRow } from '#access';
import { CommonplaceError } from '#kernel';

/**
 * ACTIVE for whoever may WRITE, PROPOSED for whoever may PROPOSE. Asked of the very memory that would be stored:
 * conditions of the policy may look at any of its fields. @throws FORBIDDEN
 */
export function statusOf({ access }: Grants, row: MemoryRow): 'ACTIVE' | 'PROPOSED' {
  const write = access.decide('WRITE', { ...row, status: 'ACTIVE' });
  if (write.allowed) return 'ACTIVE';
  if (access.can('PROPOSE', { ...row, status: 'PROPOSED' })) return 'PROPOSED';
  throw new CommonplaceError('FORBIDDEN', write.reason);
}
