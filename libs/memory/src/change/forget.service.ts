import { appendAudit, verdict, type AccessService, type Principal } from '#access';
import { CommonplaceError, notFound, type Clock } from '#kernel';
import { LIMITS, optionalText, requiredId } from '../input.js';
import { appendEvent, lockMemory } from '../memory.repository.js';
import { buryMemory } from './change.repository.js';

export class ForgetService {
  constructor(
    private readonly access: AccessService,
    private readonly clock: Clock,
  ) {}

  /** Removes content, words, vector and history; a tombstone stays. Forgetting again changes nothing. @throws NOT_FOUND, FORBIDDEN. */
  async forget(caller: Principal, memoryId: string, reasonInput?: string | null): Promise<string> {
    const id = requiredId(memoryId, 'id');
    const reason = optionalText(reasonInput, 'reason', LIMITS.reason);
    return this.access.write(caller, async (unit, grants) => {
      const now = this.clock.now();
      const memory = await lockMemory(unit, { orgId: caller.orgId, filter: grants.readFilter, now, space: null }, id);
      if (!memory) throw notFound('The memory');
      const decision = verdict(grants.access, 'FORGET', memory);
      if (!decision.allowed) throw new CommonplaceError('FORBIDDEN', decision.reason);
      if (memory.status === 'FORGOTTEN') return id;
      await buryMemory(unit, caller, id, { reason, now });
      await appendEvent(unit, {
        orgId: caller.orgId,
        poolId: memory.poolId,
        memoryId: id,
        kind: 'FORGOTTEN',
        policyVersion: grants.policyVersion,
        active: memory.status === 'ACTIVE' ? -1 : 0,
      });
      const detail = { poolId: memory.poolId, authorId: memory.authorId, was: memory.status };
      await appendAudit(unit, { action: 'memory.erase', target: id, detail });
      return id;
    });
  }
}
