import { MASKABLE_COLUMNS, type ConditionField } from './catalogue.js';
import { type Test } from './condition.js';
import { type SqlParams } from './sql-params.js';
import { MASKABLE_FIELDS, type MaskableField, type MemoryRow } from './vocabulary.js';

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

  /**
   * The predicate for a WHERE; it starts with `<alias>.pool_id = any(…)`, or is `false` when nothing is readable. In a statement
   * about rows that are known it names no more of long lists than they hold: of other rows it may show less, and never more.
   */
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

  /** The fields that those look at. */
  abstract listedFields(): ReadonlySet<ConditionField>;

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

  listedFields(): ReadonlySet<ConditionField> {
    return new Set();
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

export const inPools = (poolIds: readonly string[]) => (params: SqlParams, alias: string) =>
  `${alias}.pool_id = any(${params.add(poolIds, 'uuid[]')})`;
