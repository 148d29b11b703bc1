import { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';
import { contentHash } from '../memorize/memorize-command.js';
import { findStanding, giveUpIdentity } from '../memorize/memorize.repository.js';
import { outlives } from '../memorize/store-batch.js';
import { showsIdentity } from '../memory.js';
import { findMemories, type LockedMemory, type ReadScope } from '../memory.repository.js';

/**
 * The hash under which a proposal becomes one of the pool's memories. Where its content stands in the pool already it is
 * no second one: the reviewer is told, unless they are not shown that one; then it is stored apart, under its author's name or its own.
 * @throws CONFLICT
 */
export async function claimIdentity(unit: Unit, scope: ReadScope, memory: LockedMemory): Promise<Buffer> {
  const identity = { content: memory.content as string, entityId: memory.entityId };
  for (const author of [null, memory.authorId]) {
    const hash = contentHash(identity, author);
    const standing = await stillStanding(unit, scope, memory, hash);
    if (standing === null) return hash;
    const [shown] = (await findMemories(unit, scope, [standing])).filter(showsIdentity);
    if (shown)
      throw new CommonplaceError(
        'CONFLICT',
        `The content stands in the pool already, as ${shown.id}; refuse the proposal.`,
      );
  }
  // Nothing of what stands is shown: told of it, the reviewer would learn that it is there.
  return contentHash(identity, memory.id);
}

/** Null where nothing stands, or what stands would be gone before the proposal: that gives its claim up. */
async function stillStanding(unit: Unit, scope: ReadScope, memory: LockedMemory, hash: Buffer): Promise<string | null> {
  const [standing] = await findStanding(unit, scope.orgId, [{ poolId: memory.poolId, hash }]);
  if (!standing) return null;
  if (!outlives(memory.expiresAt, standing.expiresAt, scope.now)) return standing.id;
  await giveUpIdentity(unit, scope.orgId, [standing.id]);
  return null;
}
