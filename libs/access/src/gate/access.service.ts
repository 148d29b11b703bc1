import { CommonplaceError } from '#kernel';
import { CREDENTIAL_ENDED, STALE_ACCESS, sqlState, type Database, type Unit, type UnitScope } from '#platform';
import { setTimeout as pause } from 'node:timers/promises';
import { systemFilter, type ReadFilter } from '../policy/index.js';
import type { Principal } from '../principal.js';
import {
  loadHead,
  loadKeyStates,
  openAs,
  openAsSystem,
  type DirectoryPool,
  type KeyState,
} from './access.repository.js';
import { PolicyLists } from './policy-lists.js';
import { actionsIn, grantsIn, isCurrent, Snapshots, type Grants } from './snapshots.js';

/** A policy may be edited while a unit of work is being opened; one that is edited this often in a row is an attack. */
const MAX_RELOADS = 12;
const LONGEST_PAUSE_MS = 250;

/** A principal that may go on for now: `until`, or as long as its grants hold. Or the reason why not. */
export type Admission = { grants: Grants; until: Date | null } | { ended: 'REVOKED' | 'EXPIRED' };

/** The grants hold no more: the policy, the directory or a key has changed, or one has expired. Admit anew. */
export class GrantsChanged extends Error {}

/** How long the statements of a unit wait for what others hold, and which units it may follow. */
export type Waits = Pick<UnitScope, 'lockTimeoutMs' | 'pipeline'>;

/** What a unit of work of a caller opens: which pools, whether the tables of administration, and whether to write at all. */
interface Opens {
  reach: (grants: Grants) => readonly string[];
  administer: boolean;
  readOnly: boolean;
  waits?: Waits;
}

const READ: Opens = { reach: (grants) => grants.readFilter.poolIds, administer: false, readOnly: true };
const WRITE: Opens = { reach: memoryPools, administer: false, readOnly: false };
const CONSULT: Opens = { ...WRITE, readOnly: true };
const ADMINISTER: Opens = { ...WRITE, administer: true };

/**
 * The gate: every unit of work of a caller is opened here, under the policy version that its grants were compiled from.
 * The database refuses a version that is not the head's, so a change binds the next statement of every replica; no
 * notification is needed, and no decision is cached.
 */
export class AccessService {
  private readonly snapshots: Snapshots;
  private readonly lists: PolicyLists;
  private keyEnded: (keyId: string) => void = () => undefined;
  private written: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    readonly orgId: string,
  ) {
    this.snapshots = new Snapshots(orgId, (work) => this.system('load policy', work));
    this.lists = new PolicyLists(orgId, (work) => this.system('keep policy lists', work));
  }

  /**
   * Runs `work` in one transaction as `principal`, within the pools that it may see.
   * @throws UNAUTHENTICATED when its key or token has ended.
   */
  read<Result>(principal: Principal, work: (unit: Unit, grants: Grants) => Promise<Result>): Promise<Result> {
    return this.open(principal, READ, work);
  }

  /**
   * As read, within some of these pools alone: a caller of hundreds pays for those that it asks for.
   * @param ask what is looked for, with ids of pools: the unit reaches those of them that the principal may read
   */
  readWithin<Asked extends { pools: readonly string[] }, Result>(
    principal: Principal,
    ask: (grants: Grants) => Asked,
    work: (unit: Unit, grants: Grants, asked: Asked) => Promise<Result>,
  ): Promise<Result> {
    // Asked once for the grants that the unit is opened under: again only where they have changed meanwhile.
    let asked: { by: Grants; of: Asked } | undefined;
    const askedBy = (grants: Grants) => (asked?.by === grants ? asked : (asked = { by: grants, of: ask(grants) })).of;
    const reach = (grants: Grants) => grants.readFilter.narrow(askedBy(grants).pools).poolIds;
    return this.open(principal, { ...READ, reach }, (unit, grants) => work(unit, grants, askedBy(grants)));
  }

  /** As read, within every pool in which the principal may do anything: what it may do there, `work` asks of the grants. */
  async write<Result>(
    principal: Principal,
    work: (unit: Unit, grants: Grants) => Promise<Result>,
    waits: Waits = {},
  ): Promise<Result> {
    const result = await this.open(principal, { ...WRITE, waits }, work);
    this.written();
    return result;
  }

  /** As write, for what is only looked at: such as what was done to a pool, by whoever may do that there and read nothing. */
  consult<Result>(principal: Principal, work: (unit: Unit, grants: Grants) => Promise<Result>): Promise<Result> {
    return this.open(principal, CONSULT, work);
  }

  /** As write, with the tables of administration open. @throws FORBIDDEN to whoever may not ADMINISTER. */
  async administer<Result>(
    principal: Principal,
    work: (unit: Unit, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    const result = await this.open(principal, ADMINISTER, async (unit, grants) => {
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
    return grantsIn(await this.snapshots.current(), principal);
  }

  /**
   * What each of many may do by now, and whose key or token has ended: for those that go on reading, such as a feed. What is
   * read under these grants is read by `readTogether`.
   */
  async admit(principals: readonly Principal[]): Promise<Admission[]> {
    const keyIds = principals.flatMap(({ keyId }) => keyId ?? []);
    for (let attempt = 1; ; attempt++) {
      const snapshot = await this.snapshots.current();
      // The head first: a key that ends after it was read raises the version that the fence asks for.
      const { head, keys } = await this.system('admit', async (unit) => ({
        head: await loadHead(unit, this.orgId),
        keys: await loadKeyStates(unit, this.orgId, keyIds),
      }));
      if (!head || !isCurrent(snapshot, head)) {
        if (attempt > MAX_RELOADS) throw new CommonplaceError('UNAVAILABLE', 'The policy keeps changing.');
        await this.snapshots.reload(snapshot);
        continue;
      }
      const states = new Map(keys.map((key) => [key.id, key]));
      const admissions = principals.map((principal): Admission => {
        const key = principal.keyId === null ? null : states.get(principal.keyId);
        const ended = hasEnded(principal, key, head.now);
        if (ended && key) this.keyEnded(key.id);
        if (ended) return { ended };
        return {
          grants: grantsIn(snapshot, principal),
          until: earliest(principal.tokenExpiresAt, key?.expiresAt ?? null),
        };
      });
      for (const admission of admissions) if ('grants' in admission) await this.lists.keep(admission.grants.readFilter);
      return admissions;
    }
  }

  /**
   * Runs `work` for all who were admitted with such grants, within the pools that they may read.
   * @param until the first moment at which one of them has to be admitted anew
   * @throws GrantsChanged
   */
  async readTogether<Result>(
    grants: Grants,
    until: Date | null,
    work: (unit: Unit) => Promise<Result>,
  ): Promise<Result> {
    const opening = openAs({
      orgId: this.orgId,
      principalId: null,
      keyId: null,
      policyVersion: grants.policyVersion,
      directoryVersion: grants.directoryVersion,
      validUntil: earliest(grants.validUntil, until),
      pools: grants.readFilter.poolIds,
      administer: false,
    });
    try {
      return await this.database.unit({ role: 'commonplace_app', opening, readOnly: true }, work);
    } catch (error) {
      if (sqlState(error) === STALE_ACCESS) throw new GrantsChanged();
      throw error;
    }
  }

  /** A pool by its id, whoever may use it: to name the pool of what a caller was allowed to see. */
  async pool(id: string): Promise<DirectoryPool | undefined> {
    const snapshot = await this.snapshots.current();
    return snapshot.poolsById.get(id) ?? (await this.snapshots.reload(snapshot)).poolsById.get(id);
  }

  private async open<Result>(
    principal: Principal,
    { reach, administer, readOnly, waits }: Opens,
    work: (unit: Unit, grants: Grants) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const snapshot = await this.snapshots.current();
      const grants = grantsIn(snapshot, principal);
      await this.lists.keep(grants.readFilter);
      const opening = openAs({
        orgId: this.orgId,
        principalId: principal.id,
        keyId: principal.keyId,
        policyVersion: grants.policyVersion,
        directoryVersion: grants.directoryVersion,
        validUntil: earliest(grants.validUntil, principal.tokenExpiresAt),
        pools: reach(grants),
        administer,
      });
      try {
        const scope = { role: 'commonplace_app' as const, opening, readOnly, ...waits };
        return await this.database.unit(scope, (unit) => work(unit, grants));
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
        const reloaded = await this.snapshots.reload(snapshot);
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
    this.snapshots.drop();
  }
}

/** @param key null where the principal came with a token, undefined where its key is no more */
function hasEnded(
  { tokenExpiresAt }: Principal,
  key: KeyState | null | undefined,
  now: Date,
): 'REVOKED' | 'EXPIRED' | undefined {
  if (key === undefined || key?.revoked) return 'REVOKED';
  const until = earliest(tokenExpiresAt, key?.expiresAt ?? null);
  return until && until <= now ? 'EXPIRED' : undefined;
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
