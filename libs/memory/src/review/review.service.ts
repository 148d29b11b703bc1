import {
  appendAudit,
  findPrincipals,
  verdict,
  type Access,
  type AccessService,
  type Grants,
  type MemoryRow,
  type Principal,
} from '#access';
import { CommonplaceError, notFound, type Clock } from '#kernel';
import { sqlState, UNIQUE_VIOLATION, type Unit } from '#platform';
import { LIMITS, optionalText, requiredId, wholeNumber } from '../input.js';
import type { MemoryIndex } from '../memory-index.js';
import type { Memory } from '../memory.js';
import { appendEvent, findMemories, lockMemory, type LockedMemory, type ReadScope } from '../memory.repository.js';
import { claimIdentity } from './identity.js';
import { heldFields, whyNotPromoted } from './promotion.js';
import { findPromotionSource, settleProposal } from './review.repository.js';

const WAITING: readonly string[] = ['PROPOSED', 'QUARANTINED'];
/** A memory of the same content may be stored while the proposal is being decided on; asked again, it is found. */
const MAX_ATTEMPTS = 3;

export interface ReviewInput {
  id: string;
  approve: boolean;
  comment?: string | null;
  /** The version that was read; CONFLICT where its author has revised it since. */
  expectedVersion?: number | null;
}

/** Decides on what waits: proposals, and what was held back. */
export class ReviewService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly clock: Clock,
  ) {}

  /**
   * Approved, the memory is ACTIVE; refused, it is REJECTED, and kept for its author and the reviewers.
   * @throws NOT_FOUND; FORBIDDEN to its author, to whoever may not REVIEW, and where its author may no longer propose it;
   * CONFLICT when it was decided already, or its content stands in the pool.
   */
  async review(caller: Principal, input: ReviewInput): Promise<Memory> {
    const id = requiredId(input.id, 'id');
    const comment = optionalText(input.comment, 'comment', LIMITS.reason);
    const expectedVersion =
      input.expectedVersion == null ? null : wholeNumber(input.expectedVersion, 'expectedVersion', 1, 2_147_483_647);
    const space = await this.index.space();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.access.write(caller, (unit, grants) => {
          const scope: ReadScope = { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space };
          return decide(unit, { caller, grants, scope }, { id, approve: input.approve, comment, expectedVersion });
        });
      } catch (error) {
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
        if (attempt === MAX_ATTEMPTS)
          throw new CommonplaceError(
            'CONFLICT',
            'The content is being stored in the pool by others; decide again.',
            {},
            { cause: error },
          );
      }
    }
  }
}

/** An input that was checked. */
interface Decided {
  id: string;
  approve: boolean;
  comment: string | null;
  expectedVersion: number | null;
}

interface Asking {
  caller: Principal;
  grants: Grants;
  scope: ReadScope;
}

async function decide(
  unit: Unit,
  { caller, grants, scope }: Asking,
  { id, approve, comment, expectedVersion }: Decided,
): Promise<Memory> {
  const memory = await lockMemory(unit, scope, id);
  const [seen] = await findMemories(unit, scope, [id]);
  if (!memory || !seen || memory.status === 'FORGOTTEN') throw notFound('The memory');
  assertReviewer(grants, caller, memory);
  if (expectedVersion !== null && memory.version !== expectedVersion)
    throw new CommonplaceError(
      'CONFLICT',
      `The memory has version ${memory.version}, not ${expectedVersion}: its author has revised it. Read it and decide again.`,
    );
  if (approve && seen.content === null)
    throw new CommonplaceError(
      'FORBIDDEN',
      'The policy hides the content from you: nobody approves what they cannot read.',
    );
  if (approve) await askAgain(unit, grants, memory);
  const status = approve ? 'ACTIVE' : 'REJECTED';
  const contentHash = approve ? await claimIdentity(unit, scope, memory) : null;
  await settleProposal(unit, caller, id, { status, comment, contentHash });
  const { orgId } = scope;
  const { poolId } = memory;
  const { policyVersion } = grants;
  await appendEvent(unit, { orgId, poolId, memoryId: id, kind: 'REVIEWED', policyVersion, active: approve ? 1 : 0 });
  const detail = { poolId, authorId: memory.authorId, was: memory.status, version: memory.version, approved: approve };
  await appendAudit(unit, { action: 'memory.review', target: id, detail });
  // REVIEW gives no READ: a reviewer may have decided on what it will not see again.
  const [settled] = await findMemories(unit, scope, [id]);
  return settled ?? { ...seen, status };
}

function assertReviewer({ access }: Grants, caller: Principal, memory: LockedMemory): void {
  const decision = verdict(access, 'REVIEW', memory);
  if (!decision.allowed) throw new CommonplaceError('FORBIDDEN', decision.reason);
  if (memory.originAuthors.includes(caller.id))
    throw new CommonplaceError(
      'FORBIDDEN',
      'These are your own words, promoted by somebody else: another reviewer must decide.',
    );
  if (!WAITING.includes(memory.status))
    throw new CommonplaceError(
      'CONFLICT',
      `The memory is ${memory.status}: only what is ${WAITING.join(' or ')} is decided on.`,
    );
}

/** What let the proposal in may have been taken away since. */
async function askAgain(unit: Unit, grants: Grants, memory: LockedMemory): Promise<void> {
  const author = await accessOfAuthor(unit, grants, memory);
  const copy: MemoryRow = { ...memory, status: 'ACTIVE' };
  const write = author?.decide('WRITE', copy);
  if (!author || !(write?.allowed || author.can('PROPOSE', { ...memory, status: 'PROPOSED' })))
    throw new CommonplaceError(
      'FORBIDDEN',
      `Its author may no longer propose it here; refuse it. (${write?.reason ?? 'no author'})`,
    );
  if (memory.promotedFrom === null) return;
  const source = await findPromotionSource(unit, memory.id);
  // One sentence whatever the cause: the reviewer may reach neither the pool nor the statement that it is about.
  const isGone = !source || source.status === 'FORGOTTEN';
  const promotion = { source: source as MemoryRow, copies: [copy], holds: heldFields(memory), promoter: author };
  if (isGone || (await whyNotPromoted(unit, grants, promotion)) !== null)
    throw new CommonplaceError('FORBIDDEN', 'What it was promoted from would not be promoted here by now; refuse it.');
}

async function accessOfAuthor(unit: Unit, { policy }: Grants, { authorId }: LockedMemory): Promise<Access | null> {
  const [author] = authorId ? await findPrincipals(unit, policy.orgId, [authorId]) : [];
  return author ? policy.compiled.forPrincipal({ id: author.id, role: author.role }, policy.pools) : null;
}
