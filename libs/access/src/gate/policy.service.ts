import { CommonplaceError, notFound, badInput, wellFormed } from '#kernel';
import { RoleEntity } from '../directory/directory.entity.js';
import { assertAdministrable, assertReadLimit, parseStatements, type PolicyStatement } from '../policy/index.js';
import type { Principal } from '../principal.js';
import { loadPools } from './access.repository.js';
import type { AccessService } from './access.service.js';
import { findPolicy, heldRoles, insertPolicy, listPolicies, lockHead, type StoredPolicy } from './policy.repository.js';

const MAX_LISTED = 100;
const NO_KEYS = { roles: new Set<string>(), pools: new Set<string>() };

export interface PolicyVersion extends Omit<StoredPolicy, 'statements'> {
  statements: PolicyStatement[];
}

/** The versions of the policy. None is ever changed; activation adds one. */
export class PolicyService {
  constructor(private readonly access: AccessService) {}

  /** @param version null for the active one @throws NOT_FOUND */
  async policy(caller: Principal, version: number | null): Promise<PolicyVersion> {
    const found = await this.access.administer(caller, (unit) => findPolicy(unit, this.access.orgId, version));
    if (!found) throw notFound(`Policy version ${version}`);
    return read(found);
  }

  /** The newest 100, newest first. */
  async versions(caller: Principal): Promise<PolicyVersion[]> {
    const found = await this.access.administer(caller, (unit) => listPolicies(unit, this.access.orgId, MAX_LISTED));
    return found.map(read);
  }

  /**
   * Checks the draft, stores it as the next version and makes it the active one.
   * @throws BAD_INPUT naming statement and field, or when nobody could ADMINISTER; CONFLICT when another version is active by now.
   */
  async activate(
    caller: Principal,
    input: { expectedVersion: number; statements: unknown[]; comment?: string | null },
  ): Promise<PolicyVersion> {
    const { orgId } = this.access;
    const comment = input.comment ?? null;
    if (comment !== null) checkComment(comment);
    const activated = await this.access.administer(caller, async (unit) => {
      const active = await lockHead(unit, orgId);
      if (active !== input.expectedVersion) {
        throw new CommonplaceError(
          'CONFLICT',
          `The edit was made from version ${input.expectedVersion}; version ${active} is active by now. Read it and edit again.`,
        );
      }
      const roles = await unit.entities(RoleEntity).find({ select: { orgId: true, key: true } });
      const pools = await loadPools(unit, orgId);
      const known = { roles: new Set(roles.map((role) => role.key)), pools: new Set(pools.map((pool) => pool.key)) };
      const statements = parseStatements(input.statements, known, { path: 'input.statements' });
      assertAdministrable(statements, await heldRoles(unit, orgId), 'input.statements');
      assertReadLimit(statements, pools, 'input.statements');
      const version = active + 1;
      await insertPolicy(unit, { orgId, version, statements, authorId: caller.id, comment });
      return { version, active: true, statements, authorId: caller.id, comment, createdAt: new Date() };
    });
    this.access.invalidate();
    return activated;
  }
}

function checkComment(comment: string): void {
  if (wellFormed(comment, 'input.comment').length > 1_000)
    throw badInput('input.comment', 'has more than 1,000 characters');
}

function read(stored: StoredPolicy): PolicyVersion {
  return { ...stored, statements: parseStatements(stored.statements, NO_KEYS, { lenient: true }) };
}
