import { type ReadFilter } from './read-filter.js';
import { type PolicyStatement } from './statement.js';
import { type Action, type MaskableField, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

export interface Decision {
  readonly allowed: boolean;
  /** The statement that decided; null when nothing allowed it. */
  readonly statement: PolicyStatement | null;
  /** A sentence fit for an error message. */
  readonly reason: string;
}

/** What one principal may do under one version of the policy. */
export interface Access {
  readonly version: number;
  readonly principal: PrincipalRef;
  can(action: Action, row: MemoryRow): boolean;
  decide(action: Action, row: MemoryRow): Decision;
  /** Whether the action could be allowed on some row of the pool. */
  canSomewhere(action: Action, poolId: string): boolean;
  may(action: 'ADMINISTER'): boolean;
  /** READ, or for a held memory author or reviewer: what `readFilter` says in SQL. */
  canSee(row: MemoryRow): boolean;
  /** The maskable fields shown of a row; empty when the row is not seen. */
  visibleFields(row: MemoryRow): ReadonlySet<MaskableField>;
  readFilter(purpose: string): ReadFilter;
}

/** One version of a policy, compiled. Immutable: cache it by organisation and version until `validUntil`. */
export class CompiledPolicy {
  /** The earliest expiry still to come; compile again after it. */
  readonly validUntil: Date | null = null;

  constructor(
    readonly version: number,
    readonly statements: readonly PolicyStatement[],
    readonly dbNow: Date,
  ) {}

  /** @param pools all pools of the organisation: the same array as long as they have not changed, for it is a cache key. */
  forPrincipal(_principal: PrincipalRef, _pools: readonly PoolRef[]): Access {
    throw new Error('not written yet');
  }
}
