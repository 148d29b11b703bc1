import { badInput, CommonplaceError, notFound, wellFormed } from '#kernel';
import type { Unit } from '#platform';
import { appendAudit, type AuditAction } from '../audit/audit.repository.js';
import {
  assertAdministrable,
  assertReadLimit,
  changesOf,
  parseStatements,
  type PolicyStatement,
} from '../policy/index.js';
import type { Principal } from '../principal.js';
import { loadPools } from './access.repository.js';
import type { AccessService } from './access.service.js';
import { knownKeys } from './known-keys.js';
import { findPolicy, heldRoles, insertPolicy, listPolicies, lockHead, type StoredPolicy } from './policy.repository.js';

const MAX_LISTED = 100;
const MAX_NAMED_IN_AUDIT = 50;
const NO_KEYS = { roles: new Set<string>(), pools: new Set<string>() };

export interface PolicyVersion extends Omit<StoredPolicy, 'statements'> {
  statements: PolicyStatement[];
}

/** A version on its way: what it says, and how the audit log tells of it. */
interface NextVersion {
  statements: PolicyStatement[];
  comment: string | null;
  action: AuditAction;
  detail: Record<string, number>;
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
    const comment = input.comment ?? null;
    if (comment !== null) checkComment(comment);
    return this.advance(caller, input.expectedVersion, async (unit) => {
      const { orgId } = this.access;
      const path = 'input.statements';
      const statements = parseStatements(input.statements, await knownKeys(unit, orgId), { path });
      assertAdministrable(statements, await heldRoles(unit, orgId), path);
      assertReadLimit(statements, await loadPools(unit, orgId), path);
      return { statements, comment, action: 'policy.activate', detail: {} };
    });
  }

  /**
   * Makes a next version with the statements of an old one. What expired meanwhile stays expired, and a pool or role that
   * is gone stays gone; that somebody can ADMINISTER is asked again, for keys end too.
   * @throws NOT_FOUND for a version that never was; BAD_INPUT, CONFLICT as activate does.
   */
  async rollback(caller: Principal, toVersion: number, expectedVersion: number): Promise<PolicyVersion> {
    return this.advance(caller, expectedVersion, async (unit) => {
      const old = await findPolicy(unit, this.access.orgId, toVersion);
      if (!old) throw notFound(`Policy version ${toVersion}`);
      const { statements } = read(old);
      assertAdministrable(statements, await heldRoles(unit, this.access.orgId), 'toVersion');
      // There may be more pools by now.
      assertReadLimit(statements, await loadPools(unit, this.access.orgId), 'toVersion');
      return {
        statements,
        comment: `Rollback to version ${toVersion}.`,
        action: 'policy.rollback',
        detail: { toVersion },
      };
    });
  }

  /** Compare-and-swap under the head's row lock: of parallel edits one wins, and each other sees its version. */
  private async advance(
    caller: Principal,
    expectedVersion: number,
    next: (unit: Unit) => Promise<NextVersion>,
  ): Promise<PolicyVersion> {
    const { orgId } = this.access;
    const activated = await this.access.administer(caller, async (unit) => {
      const active = await lockHead(unit, orgId);
      if (active !== expectedVersion) throw outdated(expectedVersion, active);
      const before = await findPolicy(unit, orgId, active);
      const { statements, comment, action, detail } = await next(unit);
      const version = active + 1;
      const createdAt = await insertPolicy(unit, { orgId, version, statements, authorId: caller.id, comment });
      const changed = changesOf(before ? read(before).statements : [], statements);
      await appendAudit(unit, {
        action,
        target: String(version),
        detail: { ...detail, statements: statements.length, ...named(changed), comment },
      });
      return { version, active: true, statements, authorId: caller.id, comment, createdAt };
    });
    this.access.invalidate();
    return activated;
  }
}

/** As many as an entry can hold: how many there are in all stands beside them. */
function named(changed: Record<'added' | 'removed' | 'changed', string[]>) {
  return Object.fromEntries(
    Object.entries(changed).map(([what, ids]) => [what, { count: ids.length, ids: ids.slice(0, MAX_NAMED_IN_AUDIT) }]),
  );
}

function outdated(expected: number, active: number): CommonplaceError {
  return new CommonplaceError(
    'CONFLICT',
    `The edit was made from version ${expected}; version ${active} is active by now. Read it and edit again.`,
  );
}

function checkComment(comment: string): void {
  if (wellFormed(comment, 'input.comment').length > 1_000)
    throw badInput('input.comment', 'has more than 1,000 characters');
}

function read(stored: StoredPolicy): PolicyVersion {
  return { ...stored, statements: parseStatements(stored.statements, NO_KEYS, { lenient: true }) };
}
