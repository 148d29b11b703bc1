import { CommonplaceError } from '#kernel';
import { CREDENTIAL_ENDED, STALE_ACCESS, sqlState, type Database, type Unit } from '#platform';
import { setTimeout as pause } from 'node:timers/promises';
import {
  ACTIONS,
  CompiledPolicy,
  parseStatements,
  systemFilter,
  type Access,
  type Action,
  type ReadFilter,
} from '../policy/index.js';
import type { Principal } from '../principal.js';
import {
  loadHead,
  loadPools,
  loadRoles,
  loadStatements,
  openAs,
  openAsSystem,
  type DirectoryPool,
  type Head,
} from './access.repository.js';

/** A policy may be edited while a unit of work is being opened; one that is edited this often in a row is an attack. */
const MAX_RELOADS = 12;
const LONGEST_PAUSE_MS = 250;
const MAX_CACHED_PRINCIPALS = 5_000;
/** A stored version may name pools and roles that are gone: they match nothing. */
const NO_KEYS = { roles: new Set<string>(), pools: new Set<string>() };

/** What one principal may do under one version of the policy. */
export interface Grants {
  principal: Pick<Principal, 'id' | 'role'>;
  policyVersion: number;
  /** Grows with every change to the policy or to the roles and pools. */
  generation: number;
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

interface Snapshot extends Head {
  policy: CompiledPolicy;
  pools: DirectoryPool[];
  roles: string[];
  poolsById: Map<string, DirectoryPool>;
  /** Compiled once a principal; the whole snapshot is dropped when the policy changes, so nothing here can be stale. */
  grants: Map<string, Grants>;
}

/**
 * The gate: every unit of work of a caller is opened here, under the policy version that its grants were compiled from.
 * The database refuses a version that is not the head's, so a change binds the next statement of every replica; no
 * notification is needed, and no decision is cached.
 */
export class AccessService {
  private snapshot: Snapshot | undefined;
  private loading: Promise<Snapshot> | undefined;
  private keyEnded: (keyId: string) => void = () => undefined;
  private written: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    readonly orgId: string,
  ) {}

  /**
   * Runs `work` in one transaction as `principal`, within the pools that it may see.
   * @throws UNAUTHENTICATED when its key or token has ended.
   */
  read<Result>(principal: Principal, work: (unit: Unit, grants: Grants) => Promise<Result>): Promise<Result> {
    return this.open(principal, (grants) => grants.readFilter.poolIds, false, work);
  }

  /** As read, within every pool in which the principal may do anything: what it may do there, `work` asks of the grants. */
  async write<Result>(principal: Principal, work: (unit: Unit, grants: Grants) => Promise<Result>): Promise<Result> {
    const result = await this.open(principal, memoryPools, false, work);
    this.written();
    return result;
  }

  /** As write, with the tables of administration open. @throws FORBIDDEN to whoever may not ADMINISTER. */
  async administer<Result>(
    principal: Principal,
    work: (unit: Unit, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    const result = await this.open(principal, memoryPools, true, async (unit, grants) => {
      if (!grants.access.may('ADMINISTER')) {
        throw new CommonplaceError(
          'FORBIDDEN',
          `The role ${principal.role} may not ADMINISTER: no statement of the policy allows it.`,
        );
      }
      return work(unit, grants);
    });
    this.written();
    return result;
  }

  /** The service's own work, such as a job: no caller, one organisation. `purpose` is a word to find it by in the code. */
  system<Result>(purpose: string, work: (unit: Unit, filter: ReadFilter) => Promise<Result>): Promise<Result> {
    const scope = { role: 'commonplace_system' as const, opening: openAsSystem(this.orgId) };
    return this.database.unit(scope, (unit) => work(unit, systemFilter(purpose)));
  }

  /** What the principal may do by the newest policy known here. The unit of work that acts on it has the last word. */
  async grants(principal: Principal): Promise<Grants> {
    return this.grantsIn(await this.current(), principal);
  }

  private grantsIn(snapshot: Snapshot, principal: Principal): Grants {
    const known = snapshot.grants.get(principal.id);
    if (known && known.principal.role === principal.role) return known;
    const access = snapshot.policy.forPrincipal(principal, snapshot.pools);
    const grants: Grants = {
      principal,
      policyVersion: snapshot.policyVersion,
      generation: snapshot.policyVersion + snapshot.directoryVersion,
      access,
      readFilter: access.readFilter(`role ${principal.role}`),
      pools: snapshot.pools.filter((pool) => actionsIn(access, pool.id).length > 0),
      policy: { orgId: this.orgId, compiled: snapshot.policy, pools: snapshot.pools, roles: snapshot.roles },
    };
    if (snapshot.grants.size >= MAX_CACHED_PRINCIPALS) snapshot.grants.clear();
    snapshot.grants.set(principal.id, grants);
    return grants;
  }

  /** A pool by its id, whoever may use it: to name the pool of what a caller was allowed to see. */
  async pool(id: string): Promise<DirectoryPool | undefined> {
    const snapshot = await this.current();
    return snapshot.poolsById.get(id) ?? (await this.reload(snapshot)).poolsById.get(id);
  }

  private async open<Result>(
    principal: Principal,
    reach: (grants: Grants) => readonly string[],
    administer: boolean,
    work: (unit: Unit, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const snapshot = await this.current();
      const grants = this.grantsIn(snapshot, principal);
      const opening = openAs({
        orgId: this.orgId,
        principalId: principal.id,
        keyId: principal.keyId,
        policyVersion: grants.policyVersion,
        directoryVersion: snapshot.directoryVersion,
        validUntil: earliest(snapshot.policy.validUntil, principal.tokenExpiresAt),
        pools: reach(grants),
        administer,
      });
      try {
        return await this.database.unit({ role: 'commonplace_app', opening }, (unit) => work(unit, grants));
      } catch (error) {
        if (sqlState(error) === CREDENTIAL_ENDED) {
          if (principal.keyId) this.keyEnded(principal.keyId);
          throw ended('The key was revoked or has expired.');
        }
        if (sqlState(error) !== STALE_ACCESS) throw error;
        if (attempt > MAX_RELOADS)
          throw new CommonplaceError('UNAVAILABLE', 'The policy keeps changing; try again.', { retryAfterMs: 100 });
        // Where many edits come in a row, a pause lets the unit be opened between two of them, or behind the last.
        if (attempt > 1) await pause(Math.min(2 ** attempt, LONGEST_PAUSE_MS));
        const reloaded = await this.reload(snapshot);
        if (principal.tokenExpiresAt && principal.tokenExpiresAt <= reloaded.now) throw ended('The token has expired.');
      }
    }
  }

  /** Tells who keeps keys in mind that one of them was found to hold no longer. */
  onKeyEnded(listener: (keyId: string) => void): void {
    this.keyEnded = listener;
  }

  /** Tells, after the commit, of every unit that may have written. */
  onWritten(listener: () => void): void {
    this.written = listener;
  }

  /** Called after a change made here: what reads no database, such as a list of pools, then shows it at once too. */
  invalidate(): void {
    this.snapshot = undefined;
  }

  private async current(): Promise<Snapshot> {
    return this.snapshot ?? this.reload(undefined);
  }

  /** Many callers find the same snapshot stale at once: one of them loads, the others wait for it. */
  private async reload(stale: Snapshot | undefined): Promise<Snapshot> {
    if (this.snapshot && this.snapshot !== stale) return this.snapshot;
    this.loading ??= this.load().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  private async load(): Promise<Snapshot> {
    const previous = this.snapshot;
    const loaded = await this.system('load policy', async (unit) => {
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
    this.snapshot = {
      ...loaded,
      poolsById: new Map(loaded.pools.map((pool) => [pool.id, pool])),
      policy,
      grants: new Map(),
    };
    return this.snapshot;
  }
}

/** What a principal may do in a pool, on some memory at least. */
export function actionsIn(access: Access, poolId: string): Action[] {
  return ACTIONS.filter((action) => access.canSomewhere(action, poolId));
}

/** ADMINISTER opens the list of pools, not the memories in them. */
function memoryPools(grants: Grants): string[] {
  const touches = (pool: DirectoryPool) => actionsIn(grants.access, pool.id).some((action) => action !== 'ADMINISTER');
  return grants.pools.filter(touches).map((pool) => pool.id);
}

function ended(message: string): CommonplaceError {
  return new CommonplaceError('UNAUTHENTICATED', message);
}

function earliest(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a < b ? a : b;
}
