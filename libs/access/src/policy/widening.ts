import { type CompiledPolicy } from './compiled-policy.js';
import { STRANGER, type MaskableField, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

/** Everybody who could read: each role as somebody without a pool of their own, and those who own one that is concerned. */
export interface Readers {
  readonly roles: readonly string[];
  readonly owners: readonly PrincipalRef[];
}

/**
 * Whether a copy would show anybody what the memory that it was made from does not show them: the memory at all, or one
 * of the fields that the copy holds.
 */
export function wouldShowMore(
  policy: CompiledPolicy,
  pools: readonly PoolRef[],
  { roles, owners }: Readers,
  { source, copy, holds }: { source: MemoryRow; copy: MemoryRow; holds: readonly MaskableField[] },
): boolean {
  const readers: PrincipalRef[] = [...roles.map((role) => ({ id: STRANGER, role })), ...owners];
  return readers.some((reader) => {
    const access = policy.forPrincipal(reader, pools);
    if (!access.canSee(copy)) return false;
    const [ofCopy, ofSource] = [access.visibleFields(copy), access.visibleFields(source)];
    return !access.canSee(source) || holds.some((field) => ofCopy.has(field) && !ofSource.has(field));
  });
}
