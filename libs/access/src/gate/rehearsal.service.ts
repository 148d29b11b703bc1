import { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';
import { PrincipalEntity } from '../directory/directory.entity.js';
import {
  assertAdministrable,
  assertReadLimit,
  CompiledPolicy,
  parseStatements,
  type Owners,
  type PolicyStatement,
  type PrincipalRef,
} from '../policy/index.js';
import type { Principal } from '../principal.js';
import { loadHead, type DirectoryPool } from './access.repository.js';
import type { AccessService } from './access.service.js';
import { knownKeys } from './known-keys.js';
import { heldRoles } from './policy.repository.js';

const MAX_PROBLEMS = 100;

/** A draft beside the version that is active: nothing of it is in force, and nothing was changed. */
export interface Rehearsal {
  /** Why the draft could not be activated; empty where it could. */
  problems: string[];
  policyVersion: number;
  before: CompiledPolicy;
  after: CompiledPolicy;
  roles: readonly string[];
  pools: readonly DirectoryPool[];
  owners: Owners;
}

/** Gets drafts ready to be compared with what is active. */
export class RehearsalService {
  constructor(private readonly access: AccessService) {}

  /** @throws FORBIDDEN to whoever may not ADMINISTER */
  prepare(caller: Principal, draft: unknown): Promise<Rehearsal> {
    const { orgId } = this.access;
    return this.access.administer(caller, async (unit, { policyVersion, policy }) => {
      const { statements, problems } = await checkDraft(unit, orgId, draft, policy.pools);
      const head = await loadHead(unit, orgId);
      return {
        problems,
        policyVersion,
        before: policy.compiled,
        after: new CompiledPolicy(policyVersion + 1, statements, (head as { now: Date }).now),
        roles: policy.roles,
        pools: policy.pools,
        owners: await findOwners(unit, orgId, policy.pools),
      };
    });
  }

  /** @throws CONFLICT when another version became active meanwhile, FORBIDDEN when the caller may no longer ADMINISTER */
  confirm(caller: Principal, { policyVersion }: Rehearsal): Promise<void> {
    return this.access.administer(caller, (_, grants) => {
      if (grants.policyVersion === policyVersion) return Promise.resolve();
      const message = `Version ${policyVersion} was compared with, and version ${grants.policyVersion} is active by now. Simulate again.`;
      return Promise.reject(new CommonplaceError('CONFLICT', message));
    });
  }
}

async function checkDraft(
  unit: Unit,
  orgId: string,
  draft: unknown,
  pools: readonly DirectoryPool[],
): Promise<{ statements: PolicyStatement[]; problems: string[] }> {
  const path = 'input.statements';
  const problems: string[] = [];
  const note = (problem: CommonplaceError) => problems.push(problem.message) < MAX_PROBLEMS;
  const known = await knownKeys(unit, orgId);
  const roles = await heldRoles(unit, orgId);
  try {
    const statements = parseStatements(draft, known, { path, onRefusal: note });
    // What was refused may be the very statement that one of these would miss.
    if (problems.length > 0) return { statements: [], problems };
    assertAdministrable(statements, roles, path);
    assertReadLimit(statements, pools, path);
    return { statements, problems };
  } catch (error) {
    if (!(error instanceof CommonplaceError)) throw error;
    if (problems.length < MAX_PROBLEMS) note(error);
    return { statements: [], problems };
  }
}

async function findOwners(unit: Unit, orgId: string, pools: readonly DirectoryPool[]): Promise<Owners> {
  const owned = pools.filter(({ kind, ownerId }) => kind === 'AGENT' && ownerId !== null);
  if (owned.length === 0) return new Map();
  const found = await unit
    .entities(PrincipalEntity)
    .find({ select: { orgId: true, id: true, role: true }, where: { orgId } });
  const byId = new Map<string, PrincipalRef>(found.map(({ id, role }) => [id, { id, role }]));
  return new Map(
    owned.flatMap(({ id, ownerId }) => {
      const owner = byId.get(ownerId as string);
      return owner ? [[id, owner] as const] : [];
    }),
  );
}
