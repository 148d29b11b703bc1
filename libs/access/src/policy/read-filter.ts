import { type SqlParams } from './sql-params.js';
import { type MaskableField } from './vocabulary.js';

declare const made: unique symbol;

/** What one principal may see, as SQL. Only `Access.readFilter` and `systemFilter` make one. */
export interface ReadFilter {
  readonly [made]: true;
  /** What it is for, such as `recall`; for logs. */
  readonly purpose: string;
  readonly policyVersion: number;
  /** True for the system's own filter: every row of the organisation, whatever `poolIds` says. */
  readonly unrestricted: boolean;
  /** The pools in which some row may be visible, sorted. */
  readonly poolIds: readonly string[];
  /** The predicate for a WHERE; starts with `<alias>.pool_id = any(…)`, or is `false` when nothing is readable. */
  where(params: SqlParams, alias: string): string;
  /** Whether any field can be hidden from anybody's row here. */
  masks(): boolean;
  /** The expression of a maskable field for the projection: null where the policy hides it. */
  column(params: SqlParams, alias: string, field: MaskableField): string;
  /** The predicate "this field is shown"; `true` where nothing hides it. For searches that must not match what is hidden. */
  shows(params: SqlParams, alias: string, field: MaskableField): string;
  /** A `text[]` expression: the names of the fields hidden on the row. */
  maskedFields(params: SqlParams, alias: string): string;
  /** The same filter on fewer pools; ids that it does not hold are ignored. */
  narrow(poolIds: readonly string[]): ReadFilter;
}

/** Every row of the organisation, nothing masked: for the system's own work, never for a caller's. */
export function systemFilter(_purpose: string, _policyVersion = 0): ReadFilter {
  throw new Error('not written yet');
}
