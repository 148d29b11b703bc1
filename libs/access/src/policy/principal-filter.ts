import { type ConditionField } from './catalogue.js';
import { type Test } from './condition.js';
import { holdsNothingElse } from './condition-sql.js';
import { conditionsIn, narrowTo, scopeOf, type PoolGroup, type PoolScope } from './pool-groups.js';
import { inPools, ReadFilter } from './read-filter.js';
import { anyCondition, holdsAlways, isAny, isNone, residualHolds, residualPredicate } from './residual.js';
import { allOf, anyOf, negate, render, type Predicate } from './sql-logic.js';
import { type SqlParams } from './sql-params.js';
import { HELD_STATUSES, OPEN_STATUSES, type MaskableField, type MemoryRow } from './vocabulary.js';

/** The filter of a principal, over groups of pools in which the same decides. */
export class PrincipalFilter extends ReadFilter {
  readonly unrestricted = false;
  private readonly masked: ReadonlySet<MaskableField>;
  private groups: ReadonlyMap<string, PoolGroup> | undefined;
  private whoSees: Predicate | undefined;
  /** To the pools that were asked for last, which mostly are those that will be asked for next. */
  private narrowed: { to: string; filter: ReadFilter } | undefined;
  private open: ReadFilter | undefined;
  private listed: ReadonlySet<ConditionField> | undefined;

  constructor(
    purpose: string,
    policyVersion: number,
    /** Null: whoever the author is. */
    private readonly principalId: string | null,
    private readonly scope: PoolScope,
    private readonly rows: 'OPEN' | 'ALL' = 'ALL',
  ) {
    super(purpose, policyVersion, scope.poolIds);
    this.masked = new Set(scope.groups.flatMap((group) => [...group.masks.keys()]));
  }

  where(params: SqlParams, alias: string): string {
    const { principalId } = this;
    const sees = (this.whoSees ??= this.sees(
      principalId === null || ((values, row) => `${row}.author_id = ${values.add(principalId, 'uuid')}`),
    ));
    if (sees === false) return 'false';
    const { rows } = params;
    const known = rows ? Array.from(this.listedFields(), (field) => holdsNothingElse(field, rows, params, alias)) : [];
    return [inPools(this.poolIds)(params, alias), ...known, render(sees, params, alias)].join(' and ');
  }

  shows(params: SqlParams, alias: string, field: MaskableField): string {
    if (!this.masked.has(field)) return 'true';
    const shown = perGroup(this.scope.groups, ({ masks }) => {
      const mask = masks.get(field);
      return !mask || allOf([anyOf([this.isHeld, anyCondition(mask.opens)]), negate(anyCondition(mask.hides))]);
    });
    return render(shown, params, alias);
  }

  opens(row: MemoryRow): boolean {
    return residualHolds(this.groupOf(row.poolId)?.read ?? null, row);
  }

  opensField(row: MemoryRow, field: MaskableField): boolean {
    const mask = this.groupOf(row.poolId)?.masks.get(field);
    return !mask || (isAny(mask.opens, row) && isNone(mask.hides, row));
  }

  openKey(poolId: string): string | null {
    const group = this.groupOf(poolId);
    if (!group) return 'NOTHING';
    return group.masks.size === 0 && holdsAlways(group.read) ? null : group.key;
  }

  openTests(poolId: string): number {
    const group = this.groupOf(poolId);
    return group ? conditionsIn(group).reduce((sum, { tests }) => sum + tests.length, 0) : 0;
  }

  masks(): boolean {
    return this.masked.size > 0;
  }

  readsWhole(): boolean {
    return this.masked.size === 0 && this.scope.groups.every(({ read }) => residualPredicate(read) === true);
  }

  sameness(): string {
    return JSON.stringify([this.rows, this.scope.groups.map(({ key, poolIds }) => [key, poolIds]).sort()]);
  }

  longLists(): Test[] {
    return this.scope.groups.flatMap(conditionsIn).flatMap(({ tests }) => tests.filter(({ members }) => members));
  }

  listedFields(): ReadonlySet<ConditionField> {
    return (this.listed ??= new Set(this.longLists().map(({ field }) => field)));
  }

  narrow(poolIds: readonly string[]): ReadFilter {
    const to = poolIds.join();
    if (this.narrowed?.to !== to) {
      const wanted = new Set(poolIds);
      const scope = narrowTo(this.scope, (poolId) => wanted.has(poolId));
      this.narrowed = { to, filter: this.with({ scope }) };
    }
    return this.narrowed.filter;
  }

  openRows(): ReadFilter {
    return (this.open ??= this.with({ rows: 'OPEN' }));
  }

  together(): ReadFilter {
    return this.with({ principalId: null });
  }

  onlyFor(params: SqlParams, alias: string): string {
    return `case when ${render(this.sees(false), params, alias)} then null else ${alias}.author_id end`;
  }

  private with(other: { principalId?: null; scope?: PoolScope; rows?: 'OPEN' }): PrincipalFilter {
    const { principalId, scope, rows } = { ...this, ...other };
    return new PrincipalFilter(this.purpose, this.policyVersion, principalId, scope, rows);
  }

  private get isHeld(): Predicate {
    return this.rows === 'ALL' && isHeld;
  }

  private groupOf(poolId: string): PoolGroup | undefined {
    this.groups ??= new Map(this.scope.groups.flatMap((group) => group.poolIds.map((id) => [id, group])));
    return this.groups.get(poolId);
  }

  /** Most rows are open, and pools may differ in who sees what is held: what decides over open rows stands once for all of them. */
  private sees(isAuthor: Predicate): Predicate {
    const alike = scopeOf(this.scope.groups.map((group) => ({ ...group, key: group.read?.key ?? 'NOTHING' })));
    const read = perGroup(alike.groups, (group) => residualPredicate(group.read));
    const held = perGroup(this.scope.groups, (group) => seesHeldIn(group, isAuthor));
    return anyOf([allOf([isOpen, read]), allOf([this.isHeld, held])]);
  }
}

function perGroup(groups: readonly PoolGroup[], predicate: (group: PoolGroup) => Predicate): Predicate {
  if (groups.length === 1) return predicate(groups[0] as PoolGroup);
  return anyOf(groups.map((group) => allOf([inPools(group.poolIds), predicate(group)])));
}

const seesHeldIn = ({ read, propose, review }: PoolGroup, isAuthor: Predicate): Predicate =>
  anyOf([allOf([isAuthor, anyOf([residualPredicate(read), residualPredicate(propose)])]), residualPredicate(review)]);

const hasStatus = (statuses: readonly string[]) => (params: SqlParams, alias: string) =>
  `${alias}.status = any(${params.add(statuses, 'text[]')})`;

const isOpen: Predicate = (params, alias) => `(${hasStatus(OPEN_STATUSES)(params, alias)} and not ${alias}.was_held)`;
const isHeld: Predicate = (params, alias) => `(${hasStatus(HELD_STATUSES)(params, alias)} or ${alias}.was_held)`;
