import { type CompiledPolicy } from './compiled-policy.js';
import { STRANGER, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

/** Everybody who could read: each role as somebody without a pool of their own, and those who own one that is concerned. */
export interface Readers {
  readonly roles: readonly string[];
  readonly owners: readonly PrincipalRef[];
}

/**
 * Whether a copy would show anybody what the memory that it was made from does not show them: the memory at all, or one
 * of its fields.
 */
export function wouldShowMore(
  policy: CompiledPolicy,
  pools: readonly PoolRef[],
  { roles, owners }: Readers,
  { source, copy }: { source: MemoryRow; copy: MemoryRow },
): boolean {
  const readers: PrincipalRef[] = [...roles.map((role) => ({ id: STRANGER, role })), ...owners];
  return readers.some((reader) => {
    const access = policy.forPrincipal(reader, pools);
    const shown = access.visibleFields(source);
    return (
      access.canSee(copy) &&
      (!access.canSee(source) || [...access.visibleFields(copy)].some((field) => !shown.has(field)))
    );
  });
}
