import { type CompiledPolicy } from './compiled-policy.js';
import { residualPredicate, type Residual } from './residual.js';
import { allOf, negate, render, type Predicate } from './sql-logic.js';
import { type SqlParams } from './sql-params.js';
import { changesOf } from './statement-changes.js';
import {
  ACTIONS,
  HELD_STATUSES,
  OPEN_STATUSES,
  STRANGER,
  type Action,
  type MemoryStatus,
  type PoolRef,
  type PrincipalRef,
} from './vocabulary.js';

/** One role, pool and action, in which two versions may differ. */
export interface SimulatedCell {
  readonly role: string;
  readonly pool: PoolRef;
  readonly action: Action;
  /** Of an AGENT pool: asked for the agent that owns it. */
  readonly asOwner: boolean;
  /** Whether the action is allowed on some memory that could be in the pool. */
  readonly before: boolean;
  readonly after: boolean;
  /** Null where both allow the same memories, whatever is stored. */
  readonly counts: MemoryCounts | null;
}

/** Predicates over the pool's memories `m`, TRUE for those that one version allows and the other does not. */
export interface MemoryCounts {
  /** How many tests they run: a measure of the statement's length. */
  tests: number;
  gained: (params: SqlParams, alias: string) => string;
  lost: (params: SqlParams, alias: string) => string;
}

/** An AGENT pool, and who owns it. */
export type Owners = ReadonlyMap<string, PrincipalRef>;

interface Versions {
  readonly before: CompiledPolicy;
  readonly after: CompiledPolicy;
}

/** Which cells two versions can differ in at all: what no differing statement speaks of stays as it is. */
export function affectedBy(
  { before, after }: Versions,
  roles: readonly string[],
): { roles: string[]; actions: Action[] } {
  const { added, removed, changed } = changesOf(before.live, after.live);
  const ids = new Set([...added, ...removed, ...changed]);
  const differing = [...before.live, ...after.live].filter(({ id }) => ids.has(id));
  const names = (key: 'roles' | 'actions') => new Set<string>(differing.flatMap((statement) => statement[key]));
  const named = names('roles');
  const actions = names('actions');
  return {
    roles: named.has('*') ? [...roles] : roles.filter((role) => named.has(role)),
    actions: ACTIONS.filter((action) => actions.has(action)),
  };
}

/** The cells of one pool that are affected, and not the same before and after. */
export function simulatePool(
  versions: Versions,
  affected: { roles: readonly string[]; actions: readonly Action[] },
  pool: PoolRef,
  { pools, owners }: { pools: readonly PoolRef[]; owners: Owners },
): SimulatedCell[] {
  const owner = owners.get(pool.id);
  return affected.roles.flatMap((role) => {
    const strangers = cellsOf(versions, { id: STRANGER, role }, affected.actions, { pool, pools });
    if (owner?.role !== role) return strangers;
    // To ADMINISTER is the same for all of a role.
    const actions = affected.actions.filter((action) => action !== 'ADMINISTER');
    return [...strangers, ...cellsOf(versions, owner, actions, { pool, pools, asOwner: true })];
  });
}

function cellsOf(
  versions: Versions,
  who: PrincipalRef,
  actions: readonly Action[],
  { pool, pools, asOwner = false }: { pool: PoolRef; pools: readonly PoolRef[]; asOwner?: boolean },
): SimulatedCell[] {
  const before = versions.before.forPrincipal(who, pools);
  const after = versions.after.forPrincipal(who, pools);
  return actions.flatMap((action) => {
    const was = before.residualIn(action, pool.id);
    const becomes = after.residualIn(action, pool.id);
    if (was?.key === becomes?.key) return [];
    const cell = { role: who.role, pool, action, asOwner, before: was !== null, after: becomes !== null };
    // ADMINISTER is about no memory.
    const counts = action === 'ADMINISTER' ? null : countsOf(action, was, becomes);
    return [{ ...cell, counts }];
  });
}

function countsOf(action: Action, was: Residual | null, becomes: Residual | null): MemoryCounts {
  const [before, after] = [residualPredicate(was), residualPredicate(becomes)];
  const among = ofStatus(STATUSES[action] ?? null);
  const gains = (from: Predicate, to: Predicate) => allOf([among, isTrue(to), negate(isTrue(from))]);
  return {
    tests: testsOf(was) + testsOf(becomes),
    gained: (params, alias) => render(gains(before, after), params, alias),
    lost: (params, alias) => render(gains(after, before), params, alias),
  };
}

const testsOf = (residual: Residual | null): number =>
  [...(residual?.allows ?? []), ...(residual?.denies ?? [])].reduce((sum, { tests }) => sum + tests.length, 0);

/** What is UNKNOWN is not allowed; SQL's `not` would leave it UNKNOWN. */
const isTrue = (predicate: Predicate): Predicate =>
  typeof predicate === 'boolean' ? predicate : (params, alias) => `((${predicate(params, alias)}) is true)`;

/** The memories that an action can be about; all that are not forgotten where it is not listed. */
const STATUSES: Partial<Record<Action, readonly MemoryStatus[]>> = {
  READ: OPEN_STATUSES.filter((status) => status !== 'FORGOTTEN'),
  REVIEW: HELD_STATUSES,
  REVISE: ['ACTIVE'],
};

const ofStatus =
  (statuses: readonly MemoryStatus[] | null): Predicate =>
  (params, alias) =>
    statuses
      ? `${alias}.status = any(${params.add(statuses, 'text[]')})`
      : `${alias}.status <> ${params.add('FORGOTTEN' satisfies MemoryStatus, 'text')}`;
