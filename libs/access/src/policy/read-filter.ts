import { MASKABLE_COLUMNS } from './catalogue.js';
import { type Test } from './condition.js';
import { conditionsIn, narrowTo, scopeOf, type PoolGroup, type PoolScope } from './pool-groups.js';
import { anyCondition, holdsAlways, isAny, isNone, residualHolds, residualPredicate } from './residual.js';
import { allOf, anyOf, negate, render, type Predicate } from './sql-logic.js';
import { type SqlParams } from './sql-params.js';
import { HELD_STATUSES, MASKABLE_FIELDS, OPEN_STATUSES, type MaskableField, type MemoryRow } from './vocabulary.js';

/** What one principal may see, as SQL. Only `Access.readFilter` and `systemFilter` make one: nothing else fits the type. */
export abstract class ReadFilter {
  protected readonly made = true;
  /** True for the system's own filter: every row of the organisation. */
  abstract readonly unrestricted: boolean;

  protected constructor(
    /** What it is for, such as `recall`; for logs. */
    readonly purpose: string,
    readonly policyVersion: number,
    /** The pools in which some row may be visible, sorted. Empty for an unrestricted filter that was never narrowed. */
    readonly poolIds: readonly string[],
  ) {}

  /** The predicate for a WHERE; it starts with `<alias>.pool_id = any(…)`, or is `false` when nothing is readable. */
  abstract where(params: SqlParams, alias: string): string;

  /** The predicate "this field is shown"; `true` where nothing hides it. A search must not match what is hidden. */
  abstract shows(params: SqlParams, alias: string, field: MaskableField): string;

  /** What `where` says of an open row, one that is not held, decided here: for rows that are kept in memory. */
  abstract opens(row: MemoryRow): boolean;

  /** What `shows` says of an open row. */
  abstract opensField(row: MemoryRow, field: MaskableField): boolean;

  /** Equal where the same open rows of the pool are shown, with the same of their fields; null where all of every row is. */
  abstract openKey(poolId: string): string | null;

  /** How many tests of conditions `opens` and `opensField` may take for a row of the pool. */
  abstract openTests(poolId: string): number;

  /** The same for open rows alone: half as long in SQL, for what asks for no others. */
  abstract openRows(): ReadFilter;

  /** The same filter on fewer pools; ids that it does not hold are ignored. */
  abstract narrow(poolIds: readonly string[]): ReadFilter;

  /** Whether any field can be hidden on any row. */
  abstract masks(): boolean;

  /** Whether every open row of its pools is visible, with all of its fields: then counts of whole pools tell nothing more. */
  abstract readsWhole(): boolean;

  /**
   * Equal for filters that show the same, whatever the version of the policy: for two principals, but for what each of them
   * sees as its author.
   */
  abstract sameness(): string;

  /** The tests of its conditions that name many values. */
  abstract longLists(): Test[];

  /** What all who see alike see together: the held memories of every author among them, which `onlyFor` tells apart. */
  abstract together(): ReadFilter;

  /** A `uuid` expression for the projection: the author, where a row is seen by nobody else; otherwise null. */
  abstract onlyFor(params: SqlParams, alias: string): string;

  /** The expression of a maskable field for the projection: null where the policy hides it. */
  column(params: SqlParams, alias: string, field: MaskableField): string {
    const column = `${alias}.${MASKABLE_COLUMNS[field]}`;
    const shown = this.shows(params, alias, field);
    return shown === 'true' ? column : `case when ${shown} then ${column} end`;
  }

  /** A `text[]` expression for the projection: the names of the fields hidden on the row. */
  maskedFields(params: SqlParams, alias: string): string {
    const hidden = MASKABLE_FIELDS.flatMap((field) => {
      const shown = this.shows(params, alias, field);
      return shown === 'true' ? [] : [`case when ${shown} then null else '${field}' end`];
    });
    return hidden.length === 0 ? `'{}'::text[]` : `array_remove(array[${hidden.join(', ')}]::text[], null)`;
  }
}

/** The filter of a principal, over groups of pools in which the same decides. */
export class PrincipalFilter extends ReadFilter {
  readonly unrestricted = false;
  private readonly masked: ReadonlySet<MaskableField>;
  private groups: ReadonlyMap<string, PoolGroup> | undefined;
  private whoSees: Predicate | undefined;
  /** To the pools that were asked for last, which mostly are those that will be asked for next. */
  private narrowed: { to: string; filter: ReadFilter } | undefined;
  private open: ReadFilter | undefined;

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
    return sees === false ? 'false' : `${inPools(this.poolIds)(params, alias)} and ${render(sees, params, alias)}`;
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

class SystemFilter extends ReadFilter {
  readonly unrestricted = true;

  constructor(
    purpose: string,
    policyVersion: number,
    private readonly within: readonly string[] | null,
  ) {
    super(purpose, policyVersion, within ?? []);
  }

  where(params: SqlParams, alias: string): string {
    if (!this.within) return 'true';
    return this.within.length === 0 ? 'false' : inPools(this.within)(params, alias);
  }

  shows(): string {
    return 'true';
  }

  opens(row: MemoryRow): boolean {
    return !this.within || this.within.includes(row.poolId);
  }

  opensField(): boolean {
    return true;
  }

  openKey(): null {
    return null;
  }

  openTests(): number {
    return 0;
  }

  masks(): boolean {
    return false;
  }

  readsWhole(): boolean {
    return true;
  }

  sameness(): string {
    return JSON.stringify(this.within);
  }

  longLists(): Test[] {
    return [];
  }

  openRows(): ReadFilter {
    return this;
  }

  together(): ReadFilter {
    return this;
  }

  onlyFor(): string {
    return 'null::uuid';
  }

  narrow(poolIds: readonly string[]): ReadFilter {
    const wanted = new Set(poolIds);
    const within = this.within ? this.within.filter((id) => wanted.has(id)) : [...wanted].sort();
    return new SystemFilter(this.purpose, this.policyVersion, within);
  }
}

/** Every row of the organisation, nothing masked: for the system's own work, never for a caller's. */
export function systemFilter(purpose: string, policyVersion = 0): ReadFilter {
  return new SystemFilter(purpose, policyVersion, null);
}

const inPools = (poolIds: readonly string[]) => (params: SqlParams, alias: string) =>
  `${alias}.pool_id = any(${params.add(poolIds, 'uuid[]')})`;

const hasStatus = (statuses: readonly string[]) => (params: SqlParams, alias: string) =>
  `${alias}.status = any(${params.add(statuses, 'text[]')})`;

const isOpen: Predicate = (params, alias) => `(${hasStatus(OPEN_STATUSES)(params, alias)} and not ${alias}.was_held)`;
const isHeld: Predicate = (params, alias) => `(${hasStatus(HELD_STATUSES)(params, alias)} or ${alias}.was_held)`;
