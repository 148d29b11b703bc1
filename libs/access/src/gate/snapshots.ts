import { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';
import {
  ACTIONS,
  CompiledPolicy,
  parseStatements,
  type Access,
  type Action,
  type ReadFilter,
} from '../policy/index.js';
import type { Principal } from '../principal.js';
import { loadHead, loadPools, loadRoles, loadStatements, type DirectoryPool, type Head } from './access.repository.js';

const MAX_CACHED_PRINCIPALS = 5_000;
/** A stored version may name pools and roles that are gone: they match nothing. */
const NO_KEYS = { roles: new Set<string>(), pools: new Set<string>() };

/** What one principal may do under one version of the policy. */
export interface Grants {
  principal: Pick<Principal, 'id' | 'role'>;
  policyVersion: number;
  /** Grows with every change to the policy, to the roles and pools, and with the end of a key. */
  generation: number;
  directoryVersion: number;
  /** When the first statement of it expires, on the database's clock. */
  validUntil: Date | null;
  access: Access;
  readFilter: ReadFilter;
  /** Every pool in which the principal may do anything at all; others do not exist for it. */
  pools: readonly DirectoryPool[];
  /** What others may do under the same version, in which pools there are: to ask on their behalf, never to act as them. */
  policy: ActivePolicy;
}

/** The version that a unit of work is under, and all pools and roles of the organisation. */
export interface ActivePolicy {
  orgId: string;
  compiled: CompiledPolicy;
  pools: readonly DirectoryPool[];
  roles: readonly string[];
}

export interface Snapshot extends Head {
  orgId: string;
  policy: CompiledPolicy;
  pools: DirectoryPool[];
  roles: string[];
  poolsById: Map<string, DirectoryPool>;
  /** Compiled once a principal; the whole snapshot is dropped when the policy changes, so nothing here can be stale. */
  grants: Map<string, Grants>;
}

/** The newest version of the policy and of the directory that is known here. */
export class Snapshots {
  private newest: Snapshot | undefined;
  private loading: Promise<Snapshot> | undefined;

  constructor(
    private readonly orgId: string,
    private readonly inUnit: <Result>(work: (unit: Unit) => Promise<Result>) => Promise<Result>,
  ) {}

  drop(): void {
    this.newest = undefined;
  }

  async current(): Promise<Snapshot> {
    return this.newest ?? this.reload(undefined);
  }

  /** Many callers find the same snapshot stale at once: one of them loads, the others wait for it. */
  async reload(stale: Snapshot | undefined): Promise<Snapshot> {
    if (this.newest && this.newest !== stale) return this.newest;
    this.loading ??= this.load().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  private async load(): Promise<Snapshot> {
    const previous = this.newest;
    const loaded = await this.inUnit(async (unit) => {
      const head = await loadHead(unit, this.orgId);
      if (!head) throw new CommonplaceError('INTERNAL', 'The organisation has no active policy.');
      const pools = await loadPools(unit, this.orgId);
      const roles = await loadRoles(unit, this.orgId);
      const statements = await loadStatements(unit, this.orgId, head.policyVersion);
      return { ...head, pools, roles, statements: statements ?? [] };
    });
    const sameVersion = previous?.policyVersion === loaded.policyVersion;
    const stillValid = !previous?.policy.validUntil || previous.policy.validUntil > loaded.now;
    const policy =
      previous && sameVersion && stillValid
        ? previous.policy
        : new CompiledPolicy(
            loaded.policyVersion,
            parseStatements(loaded.statements, NO_KEYS, { lenient: true }),
            loaded.now,
          );
    this.newest = {
      ...loaded,
      orgId: this.orgId,
      poolsById: new Map(loaded.pools.map((pool) => [pool.id, pool])),
      policy,
      grants: new Map(),
    };
    return this.newest;
  }
}

export function grantsIn(snapshot: Snapshot, principal: Principal): Grants {
  const known = snapshot.grants.get(principal.id);
  if (known && known.principal.role === principal.role) return known;
  const access = snapshot.policy.forPrincipal(principal, snapshot.pools);
  const grants: Grants = {
    principal,
    policyVersion: snapshot.policyVersion,
    generation: snapshot.policyVersion + snapshot.directoryVersion,
    directoryVersion: snapshot.directoryVersion,
    validUntil: snapshot.policy.validUntil,
    access,
    readFilter: access.readFilter(`role ${principal.role}`),
    pools: snapshot.pools.filter((pool) => actionsIn(access, pool.id).length > 0),
    policy: { orgId: snapshot.orgId, compiled: snapshot.policy, pools: snapshot.pools, roles: snapshot.roles },
  };
  if (snapshot.grants.size >= MAX_CACHED_PRINCIPALS) snapshot.grants.clear();
  snapshot.grants.set(principal.id, grants);
  return grants;
}

/** A statement that has expired since makes the same version another policy. */
export function isCurrent(snapshot: Snapshot, { policyVersion, directoryVersion, now }: Head): boolean {
  const { validUntil } = snapshot.policy;
  const isSame = snapshot.policyVersion === policyVersion && snapshot.directoryVersion === directoryVersion;
  return isSame && (validUntil === null || validUntil > now);
}

/** What a principal may do in a pool, on some memory at least. */
export function actionsIn(access: Access, poolId: string): Action[] {
  return ACTIONS.filter((action) => access.canSomewhere(action, poolId));
}
