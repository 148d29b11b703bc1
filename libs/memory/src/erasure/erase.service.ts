import { appendAudit, MEMORY_STATUSES, verdict, type AccessService, type Grants, type Principal } from '#access';
import { badInput, CommonplaceError, notFound, type Clock } from '#kernel';
import type { Unit } from '#platform';
import { createHash } from 'node:crypto';
import { restore } from '../consolidation/apply.repository.js';
import { LIMITS, optionalText, requiredId } from '../input.js';
import { lockPools } from '../pool-locks.repository.js';
import { lockMemories, type LockedMemory, type ReadScope } from '../memory.repository.js';
import { listMemories } from '../read/memories.repository.js';
import { parseFilter } from '../read/memory-filter.js';
import { appendErased, eraseMemories, findDerived, lockStranded, type Erased } from './erasure.repository.js';

export interface EraseInput {
  id?: string | null;
  entityId?: string | null;
  reason?: string | null;
}

/** What was erased, for whoever has to show it. */
export interface ErasureReceipt extends Erased {
  at: Date;
  /** All that were erased: what was named, and what was made of it. */
  ids: string[];
  /** How many of them were made of others. */
  derived: number;
  /** SHA-256 over the ids in ascending order, a line each; it stands in the audit log too. */
  digest: string;
}

/** Of one call; more of an entity is erased by the next. */
const MOST = 500;
const MOST_NAMED = 10;
/** Of looking for what was made meanwhile. */
const MOST_ROUNDS = 10;
/** Then nothing had expired: what has, is still stored. */
const LONG_AGO = new Date(0);

interface Target {
  id: string | null;
  entityId: string | null;
  reason: string | null;
}

/** Removes for good, with all that was made of it. */
export class EraseService {
  constructor(
    private readonly access: AccessService,
    private readonly clock: Clock,
  ) {}

  /**
   * All of it, or nothing: one memory, or what the caller sees of one entity, and whatever was made of these.
   * @throws NOT_FOUND, BAD_INPUT; QUOTA_EXCEEDED where it is too much for one call; FORBIDDEN where the caller may not FORGET a part of it
   */
  async erase(caller: Principal, input: EraseInput): Promise<ErasureReceipt> {
    const target = parseTarget(input);
    return this.access.write(caller, async (unit, grants) => {
      const now = this.clock.now();
      const scope: ReadScope = { orgId: caller.orgId, filter: grants.readFilter, now: LONG_AGO, space: null };
      const named = await findNamed(unit, scope, grants, target);
      const { memories, hidden } = await lockAll(unit, scope, named);
      assertAllowed(grants, memories, { named, hidden });
      const there = memories.filter(({ status }) => status !== 'FORGOTTEN');
      const ids = there.map(({ id }) => id);
      const erased = await this.bury(unit, caller, grants, { there, reason: target.reason, now });
      await this.restoreStranded(unit, caller, { ids, named });
      const digest = createHash('sha256').update(ids.join('\n')).digest('hex');
      const derived = ids.filter((id) => !named.includes(id)).length;
      if (ids.length) {
        const detail = { memories: ids.length, derived, ...erased, digest, byEntity: target.id === null };
        await appendAudit(unit, { action: 'memory.erase', target: target.id ?? digest, detail });
      }
      return { at: now, ids, derived, digest, ...erased };
    });
  }

  private async bury(
    unit: Unit,
    caller: Principal,
    { policyVersion }: Grants,
    { there, reason, now }: { there: readonly LockedMemory[]; reason: string | null; now: Date },
  ): Promise<Erased> {
    if (there.length === 0) return { vectors: 0, revisions: 0 };
    const erased = await eraseMemories(
      unit,
      caller,
      there.map(({ id }) => id),
      { reason, now },
    );
    const pools = [...new Set(there.map(({ poolId }) => poolId))];
    await lockPools(unit, pools);
    for (const poolId of pools) {
      const here = there.filter((memory) => memory.poolId === poolId);
      const active = here.filter(({ status }) => status === 'ACTIVE').length;
      const ids = here.map(({ id }) => id);
      await appendErased(unit, caller.orgId, { poolId, ids, active, policyVersion });
    }
    return erased;
  }

  /**
   * A summary goes with one of its sources; the others stand for themselves again. Not those of what was named itself: their words
   * would come back with what is to be gone.
   */
  private async restoreStranded(
    unit: Unit,
    { orgId }: Principal,
    { ids, named }: { ids: readonly string[]; named: readonly string[] },
  ): Promise<void> {
    const made = ids.filter((id) => !named.includes(id));
    const stranded = made.length ? await lockStranded(unit, orgId, made) : [];
    for (const poolId of [...new Set(stranded.map((memory) => memory.poolId))].sort()) {
      const here = stranded.filter((memory) => memory.poolId === poolId);
      // Of two that say the same, one: the pool holds it once.
      const ofEach = [...new Map(here.map(({ hash, id }) => [hash, id])).values()];
      await restore(unit, { orgId, poolId }, ofEach);
    }
  }
}

/**
 * What is named is locked before it is asked what was made of it: whoever makes something of it holds it until that is stored. The
 * same with what was found, until nothing more is.
 */
async function lockAll(
  unit: Unit,
  scope: ReadScope,
  named: readonly string[],
): Promise<{ memories: LockedMemory[]; hidden: number }> {
  if (named.length === 0) return { memories: [], hidden: 0 };
  const memories = await lockMemories(unit, scope, named);
  const asked = new Set(named);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const made = await findDerived(unit, named, MOST + 1);
    if (named.length + made.length > MOST) throw tooMany();
    const next = made.flatMap((id) => (id === null || asked.has(id) ? [] : [id]));
    if (next.length === 0) return { memories: inOrder(memories), hidden: named.length + made.length - memories.length };
    for (const id of next) asked.add(id);
    memories.push(...(await lockMemories(unit, scope, next)));
  }
  throw new CommonplaceError('UNAVAILABLE', 'More is made of it all the while; try again.', { retryAfterMs: 1_000 });
}

const inOrder = (memories: readonly LockedMemory[]): LockedMemory[] =>
  [...memories].sort((a, b) => (a.id < b.id ? -1 : 1));

async function findNamed(unit: Unit, scope: ReadScope, grants: Grants, { id, entityId }: Target): Promise<string[]> {
  if (id !== null) {
    // Before anything is said of what was made of it.
    if ((await lockMemories(unit, scope, [id])).length === 0) throw notFound('The memory');
    return [id];
  }
  const statuses = MEMORY_STATUSES.filter((status) => status !== 'FORGOTTEN');
  const filter = parseFilter({ entityId, statuses }, 'input', grants);
  const found = await listMemories(unit, scope, filter, { atMost: MOST + 1, after: null });
  if (found.length > MOST) throw tooMany();
  return found.map((memory) => memory.id);
}

/**
 * What is in the way is named as far as the caller sees it. That something else is, has to be said: whoever is to erase for
 * good must not believe that it is done.
 */
function assertAllowed(
  { access }: Grants,
  memories: readonly LockedMemory[],
  { named, hidden }: { named: readonly string[]; hidden: number },
): void {
  const refused = memories
    .filter(({ status }) => status !== 'FORGOTTEN')
    .map((memory) => ({ memory, decision: verdict(access, 'FORGET', memory) }))
    .filter(({ decision }) => !decision.allowed);
  const own = refused.find(({ memory }) => named.includes(memory.id));
  if (own && named.length === 1) throw new CommonplaceError('FORBIDDEN', own.decision.reason);
  if (refused.length === 0 && hidden === 0) return;
  const ids = refused.map(({ memory }) => memory.id).slice(0, MOST_NAMED);
  const which = ids.length ? ` In the way: ${ids.join(', ')}.` : '';
  throw new CommonplaceError(
    'FORBIDDEN',
    `Nothing was erased: not all of it, and of what was made of it, is yours to FORGET.${which} Ask somebody who may FORGET there.`,
  );
}

const tooMany = () =>
  new CommonplaceError(
    'QUOTA_EXCEEDED',
    `There are more than ${MOST} memories, with what was made of them; erase some of them by their ids first.`,
  );

function parseTarget(input: EraseInput): Target {
  const id = input.id == null ? null : requiredId(input.id, 'input.id');
  const entityId = optionalText(input.entityId, 'input.entityId', LIMITS.entityId);
  if ((id === null) === (entityId === null)) throw badInput('input', 'names either an id or an entityId');
  return { id, entityId, reason: optionalText(input.reason, 'input.reason', LIMITS.reason) };
}
