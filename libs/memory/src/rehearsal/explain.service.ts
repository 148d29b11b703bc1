import {
  ACTIONS,
  explain,
  findPrincipals,
  STRANGER,
  type AccessService,
  type Action,
  type DirectoryPool,
  type Explanation,
  type Grants,
  type MemoryRow,
  type Principal,
  type PrincipalRef,
} from '#access';
import { badInput, CommonplaceError, notFound, type Clock } from '#kernel';
import type { Unit } from '#platform';
import { oneOf, optionalText, requiredId } from '../input.js';
import { findDecisionRow } from '../memory.repository.js';

export interface ExplainInput {
  principalId?: string | null;
  role?: string | null;
  action: Action;
  pool?: string | null;
  memoryId?: string | null;
}

/** Says why somebody may do something, or may not. */
export class ExplainService {
  constructor(
    private readonly access: AccessService,
    private readonly clock: Clock,
  ) {}

  /**
   * Of one memory, which the caller must see themselves; or of a pool, for some memory that could be in it; ADMINISTER of
   * neither.
   * @throws FORBIDDEN to whoever may not ADMINISTER; NOT_FOUND, BAD_INPUT naming the field
   */
  explain(caller: Principal, input: ExplainInput): Promise<Explanation & { policyVersion: number }> {
    const action = oneOf(input.action, ACTIONS, 'input.action');
    return this.access.administer(caller, async (unit, grants) => {
      const who = await whoIsAsked(unit, caller.orgId, grants, input);
      const row = await this.memoryOf(unit, caller, grants, input);
      const pool = row ? poolOf(grants, row) : poolNamed(grants, input, action);
      const { compiled, pools } = grants.policy;
      const hidden = row ? grants.access.hiddenAttributes(row) : undefined;
      return { ...explain(compiled, pools, { who, action, pool, row, hidden }), policyVersion: grants.policyVersion };
    });
  }

  private async memoryOf(
    unit: Unit,
    caller: Principal,
    grants: Grants,
    { memoryId, pool }: ExplainInput,
  ): Promise<MemoryRow | null> {
    if (memoryId === undefined || memoryId === null) return null;
    if (pool !== undefined && pool !== null)
      throw badInput('input.pool', 'is where the memory is; give one of the two');
    const id = requiredId(memoryId, 'input.memoryId');
    const scope = { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space: null };
    const row = await findDecisionRow(unit, scope, id);
    if (!row) throw notFound('The memory');
    return row;
  }
}

async function whoIsAsked(unit: Unit, orgId: string, { policy }: Grants, input: ExplainInput): Promise<PrincipalRef> {
  const role = optionalText(input.role, 'input.role', 64);
  if (input.principalId === undefined || input.principalId === null) {
    if (role === null) throw badInput('input', 'asks of nobody: give principalId or role');
    if (!policy.roles.includes(role)) throw badInput('input.role', `there is no role ${JSON.stringify(role)}`);
    return { id: STRANGER, role };
  }
  if (role !== null) throw badInput('input.role', 'stands in the place of principalId; give one of the two');
  const [principal] = await findPrincipals(unit, orgId, [requiredId(input.principalId, 'input.principalId')]);
  if (!principal) throw notFound('The principal');
  return { id: principal.id, role: principal.role };
}

function poolOf({ policy }: Grants, { poolId }: MemoryRow): DirectoryPool {
  const pool = policy.pools.find(({ id }) => id === poolId);
  if (!pool) throw new CommonplaceError('INTERNAL', `pool ${poolId} is not in the directory`);
  return pool;
}

function poolNamed({ policy }: Grants, input: ExplainInput, action: Action): DirectoryPool | null {
  const key = optionalText(input.pool, 'input.pool', 64);
  if (key === null) {
    if (action === 'ADMINISTER') return null;
    throw badInput('input.pool', `must be named for ${action}, or memoryId`);
  }
  const pool = policy.pools.find((candidate) => candidate.key === key);
  if (!pool) throw badInput('input.pool', `there is no pool ${JSON.stringify(key)}`);
  return pool;
}
