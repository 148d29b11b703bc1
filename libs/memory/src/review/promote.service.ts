import { appendAudit, type AccessService, type Principal } from '#access';
import { badInput, CommonplaceError, notFound, type Clock } from '#kernel';
import type { JobQueue, Unit } from '#platform';
import { requiredId, requiredText } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import { isNew, type Batch, type Placed } from '../memorize/batch.js';
import { statusOf, type NewRow } from '../memorize/new-status.js';
import type { MemorizeCommand } from '../memorize/memorize-command.js';
import { storeItems } from '../memorize/store-batch.js';
import type { Memorized, Memory } from '../memory.js';
import { findMemories, lockMemory, type LockedMemory, type ReadScope } from '../memory.repository.js';
import { poolByKey } from '../read/pools.js';
import { heldFields, whyNotPromoted } from './promotion.js';
import { copyVectors, findWriters, markPromoted } from './review.repository.js';

/** Copies a memory from one pool into another. */
export class PromoteService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly jobs: JobQueue,
    private readonly clock: Clock,
  ) {}

  /**
   * The copy is the caller's, made from the memory, and holds what the caller is shown of it: ACTIVE with WRITE in the
   * other pool, PROPOSED with PROPOSE, and DUPLICATE where that pool has it already.
   * @throws NOT_FOUND, BAD_INPUT; CONFLICT for what is not ACTIVE; FORBIDDEN without READ there and WRITE or PROPOSE here,
   * and where the copy would be read by some who cannot read the memory, without REVIEW there.
   */
  async promote(caller: Principal, memoryId: string, toPool: string): Promise<Memorized> {
    const id = requiredId(memoryId, 'id');
    const key = requiredText(toPool, 'toPool', 64);
    const space = await this.index.space();
    return this.access.write(caller, async (unit, grants) => {
      const scope: ReadScope = { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space };
      const pool = poolByKey(grants, key, 'toPool');
      const { source, shown } = await findSource(unit, scope, id);
      if (source.poolId === pool.id) throw badInput('toPool', 'is the pool that the memory is in');
      const batch: Batch = { caller, unit, grants, space, now: scope.now };
      const item = await askFor(batch, source, { pool, command: commandFor(shown, key) });
      await storeItems(batch, [item]);
      const { memory, outcome } = item.result as Memorized;
      const indexed = isNew(item) ? await this.finish(batch, source, memory) : memory.indexed;
      return { memory: { ...memory, indexed }, outcome, indexed };
    });
  }

  /** @returns whether the copy has its vector */
  private async finish({ unit, caller, space }: Batch, source: LockedMemory, { id, poolId }: Memory): Promise<boolean> {
    const { orgId } = caller;
    const originAuthors = [
      ...new Set([...source.originAuthors, source.authorId as string, ...(await findWriters(unit, orgId, source.id))]),
    ];
    await markPromoted(unit, orgId, { id, from: source.id, originAuthors });
    const copy = { id, poolId, from: source.id };
    const copied = space === null ? [] : await copyVectors(unit, orgId, copy);
    const indexed = space === null || copied.includes(space.spaceId);
    if (!indexed) await this.jobs.enqueue(unit, 'embed', { memoryIds: [id] });
    const detail = { copyId: id, fromPoolId: source.poolId, toPoolId: poolId };
    await appendAudit(unit, { action: 'memory.promote', target: source.id, detail });
    return indexed;
  }
}

/** Locked, so that it is not forgotten while it is copied. */
async function findSource(unit: Unit, scope: ReadScope, id: string): Promise<{ source: LockedMemory; shown: Memory }> {
  const source = await lockMemory(unit, scope, id);
  const [shown] = await findMemories(unit, scope, [id]);
  if (!source || !shown) throw notFound('The memory');
  if (source.status !== 'ACTIVE')
    throw new CommonplaceError('CONFLICT', `The memory is ${source.status}: only what is ACTIVE is promoted.`);
  if (shown.content === null)
    throw new CommonplaceError('FORBIDDEN', 'The policy hides the content of the memory from you.');
  return { source, shown };
}

const commandFor = (shown: Memory, pool: string): MemorizeCommand => ({
  content: shown.content as string,
  pool,
  type: shown.type,
  entityId: shown.entityId,
  sessionId: shown.sessionId,
  speaker: shown.speaker,
  importance: shown.importance,
  labels: shown.labels ?? [],
  metadata: shown.metadata,
  validFrom: shown.validFrom,
  expiresAt: shown.expiresAt,
  derivedFrom: [shown.id],
  idempotencyKey: null,
});

/** @throws FORBIDDEN */
async function askFor(
  { unit, grants, caller, now }: Batch,
  source: LockedMemory,
  { pool, command }: Pick<Placed, 'pool' | 'command'>,
): Promise<Placed> {
  const copy: NewRow = {
    ...command,
    id: '',
    poolId: pool.id,
    status: 'ACTIVE',
    authorId: caller.id,
    authorRole: caller.role,
    createdAt: now,
  };
  const status = statusOf(grants, copy);
  const problem = await whyNotPromoted(unit, grants, {
    source,
    copies: [copy, { ...copy, status }],
    holds: heldFields(command),
    promoter: grants.access,
  });
  if (problem) throw new CommonplaceError('FORBIDDEN', problem);
  return { index: 0, command, vectors: [], status, pool };
}
