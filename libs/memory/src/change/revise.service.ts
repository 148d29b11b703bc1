import { verdict, type AccessService, type Grants, type Importance, type MemoryRow, type Principal } from '#access';
import { badInput, CommonplaceError, notFound, type Clock, type JsonObject } from '#kernel';
import { sqlState, UNIQUE_VIOLATION, type JobQueue, type Unit } from '#platform';
import {
  importance,
  labels,
  LIMITS,
  metadata,
  optionalDate,
  optionalText,
  requiredId,
  requiredText,
  wholeNumber,
} from '../input.js';
import { deleteVectors, insertVectors } from '../memory-index.repository.js';
import { isIn, type MemoryIndex, type SpaceVector } from '../memory-index.js';
import { contentHash } from '../memorize/memorize-command.js';
import { findStanding } from '../memorize/memorize.repository.js';
import { showsIdentity, type Memory } from '../memory.js';
import { appendEvent, findMemories, lockMemory, type LockedMemory, type ReadScope } from '../memory.repository.js';
import { languagesOf } from '../read/pools.js';
import { whyNotRevised } from '../review/promotion.js';
import { archiveRevision, updateMemory } from './change.repository.js';

/** What is left out stays as it is. */
export interface ReviseInput {
  id: string;
  expectedVersion: number;
  content?: string | null;
  importance?: Importance | null;
  labels?: string[] | null;
  metadata?: unknown;
  expiresAt?: Date | null;
  reason?: string | null;
}

interface Changes {
  content?: string;
  importance?: Importance;
  labels?: string[];
  metadata?: JsonObject | null;
  expiresAt?: Date | null;
}

export class ReviseService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly jobs: JobQueue,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes the next version; the one before is kept in the history.
   * @throws NOT_FOUND, FORBIDDEN; CONFLICT when the memory has another version by now, or its new content stands in the pool already.
   */
  async revise(caller: Principal, input: ReviseInput): Promise<Memory> {
    const id = requiredId(input.id, 'input.id');
    const expectedVersion = wholeNumber(input.expectedVersion, 'input.expectedVersion', 1, 2_147_483_647);
    const changes = parseChanges(input, this.clock);
    const reason = optionalText(input.reason, 'input.reason', LIMITS.reason);
    const vectors = changes.content === undefined ? [] : ((await this.index.embed([changes.content]))?.[0] ?? []);
    const space = await this.index.space();
    try {
      return await this.access.write(caller, async (unit, grants) => {
        const scope: ReadScope = { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space };
        const before = await lockMemory(unit, scope, id);
        if (!before || before.status === 'FORGOTTEN') throw notFound('The memory');
        decide(grants, before, changes);
        if (before.version !== expectedVersion) {
          throw new CommonplaceError(
            'CONFLICT',
            `The memory has version ${before.version}, not ${expectedVersion}. Read it and revise again.`,
          );
        }
        const widened = await whyNotRevised(unit, grants, { before, after: { ...before, ...changes } });
        if (widened) throw new CommonplaceError('FORBIDDEN', widened);
        await archiveRevision(unit, caller.orgId, before);
        const rehash = changes.content !== undefined;
        const apart = rehash && (await standsUnseen(unit, scope, { ...before, ...changes }));
        const language = languagesOf(grants)(before.poolId);
        await updateMemory(
          unit,
          caller,
          { ...before, ...changes },
          { reason, now: scope.now, rehash, apart, language },
        );
        if (changes.content !== undefined) await this.reindex(unit, scope, before, vectors);
        await appendEvent(unit, {
          orgId: caller.orgId,
          poolId: before.poolId,
          memoryId: id,
          kind: 'REVISED',
          policyVersion: grants.policyVersion,
          active: 0,
        });
        const [revised] = await findMemories(unit, scope, [id]);
        if (!revised)
          throw new CommonplaceError(
            'FORBIDDEN',
            'The memory would no longer be yours to see: your policy reads only others.',
          );
        return revised;
      });
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      throw new CommonplaceError(
        'CONFLICT',
        'Another memory of the pool has this content already; forget one of the two.',
        {},
        { cause: error },
      );
    }
  }

  private async reindex(unit: Unit, scope: ReadScope, memory: LockedMemory, vectors: SpaceVector[]): Promise<void> {
    if (!scope.space) return;
    const { id: memoryId, poolId } = memory;
    await deleteVectors(unit, scope.orgId, memoryId);
    const made = vectors.map((vector) => ({ ...vector, memoryId, poolId }));
    if (made.length) await insertVectors(unit, scope.orgId, made);
    if (!isIn(scope.space, vectors)) await this.jobs.enqueue(unit, 'embed', { memoryIds: [memoryId] });
  }
}

/** Whether the content is that of another memory which the caller is not shown: a conflict would tell that it is there. */
async function standsUnseen(unit: Unit, scope: ReadScope, memory: LockedMemory): Promise<boolean> {
  if (memory.status !== 'ACTIVE' || memory.content === null) return false;
  const hash = contentHash({ content: memory.content, entityId: memory.entityId });
  const standing = (await findStanding(unit, scope.orgId, [{ poolId: memory.poolId, hash }]))
    .map(({ id }) => id)
    .filter((id) => id !== memory.id);
  return standing.length > 0 && !(await findMemories(unit, scope, standing)).some(showsIdentity);
}

/** Asked of the memory as it is and as it would be: a policy that gives only some must not be stepped out of. */
function decide(grants: Grants, before: LockedMemory, changes: Changes): void {
  const ownProposal = before.status === 'PROPOSED' && before.authorId === grants.principal.id;
  const after: MemoryRow = { ...before, ...changes, labels: changes.labels ?? before.labels };
  for (const row of [before, after]) {
    const decision = verdict(grants.access, 'REVISE', row);
    if (!decision.allowed) throw new CommonplaceError('FORBIDDEN', decision.reason);
  }
  if (before.status !== 'ACTIVE' && !ownProposal)
    throw new CommonplaceError('CONFLICT', `A memory that is ${before.status} cannot be revised.`);
}

function parseChanges(input: ReviseInput, clock: Clock): Changes {
  const changes: Changes = {};
  if (input.content !== undefined) changes.content = requiredText(input.content, 'input.content', LIMITS.content);
  if (input.importance !== undefined) changes.importance = importance(input.importance, 'input.importance');
  if (input.labels !== undefined) changes.labels = labels(input.labels, 'input.labels');
  if (input.metadata !== undefined) changes.metadata = metadata(input.metadata, 'input.metadata');
  if (input.expiresAt !== undefined) changes.expiresAt = optionalDate(input.expiresAt, 'input.expiresAt');
  if (changes.expiresAt && changes.expiresAt <= clock.now())
    throw badInput('input.expiresAt', 'must lie in the future');
  if (Object.keys(changes).length === 0)
    throw badInput('input', 'changes nothing: give content, importance, labels, metadata or expiresAt');
  return changes;
}
