import { HIDEABLE_ATTRIBUTES, type ConditionField } from './catalogue.js';
import { narrowTo, scopeOf, type PoolScope } from './pool-groups.js';
import { PrincipalFilter } from './principal-filter.js';
import { type ReadFilter } from './read-filter.js';
import { holdsAlways, type Residual } from './residual.js';
import { Subject, type RolePolicy } from './role-policy.js';
import { type PolicyStatement } from './statement.js';
import {
  HELD_STATUSES,
  MASKABLE_FIELDS,
  OPEN_STATUSES,
  type Action,
  type MaskableField,
  type MemoryRow,
  type PrincipalRef,
} from './vocabulary.js';

export interface Decision {
  readonly allowed: boolean;
  /** The statement that decided; null when nothing allowed it. */
  readonly statement: PolicyStatement | null;
  /** A sentence fit for an error message. */
  readonly reason: string;
}

const isOpen = ({ status, wasHeld }: MemoryRow) => !wasHeld && (OPEN_STATUSES as readonly string[]).includes(status);
export const isHeld = ({ status, wasHeld }: MemoryRow) =>
  wasHeld === true || (HELD_STATUSES as readonly string[]).includes(status);

/** What one principal may do under one version of the policy. Cheap to make: all that costs is shared by the role. */
export class Access {
  private readonly ownPools: ReadonlySet<string>;
  private readonly principalId: string;
  private ownScope: PoolScope | undefined;

  constructor(
    readonly version: number,
    readonly principal: PrincipalRef,
    private readonly policy: RolePolicy,
    private readonly administers: boolean,
  ) {
    this.principalId = principal.id.toLowerCase();
    this.ownPools = policy.pools.agentPoolsOf(this.principalId);
  }

  can(action: Action, row: MemoryRow): boolean {
    return this.policy.ability.can(action, this.subject(row));
  }

  decide(action: Action, row: MemoryRow): Decision {
    const subject = this.subject(row);
    const rule = this.policy.ability.relevantRuleFor(action, subject)?.conditions;
    const role = this.principal.role;
    const pool = this.policy.pools.byId.get(row.poolId)?.key ?? row.poolId;
    const statement = rule && this.policy.statementOf(rule, subject);
    if (!statement) {
      const reason = `role ${role} may not ${action} in pool ${pool}: no statement allows it`;
      return { allowed: false, statement: null, reason };
    }
    const allowed = rule.effect === 'ALLOW';
    const because = `${allowed ? 'allowed' : 'denied'} by statement ${statement.id}`;
    const told = statement.reason === null ? because : `${because}: ${statement.reason}`;
    return {
      allowed,
      statement,
      reason: `role ${role} may ${allowed ? '' : 'not '}${action} in pool ${pool}: ${told}`,
    };
  }

  /** Whether the action could be allowed on some row of the pool. */
  canSomewhere(action: Action, poolId: string): boolean {
    if (!this.ownPools.has(poolId)) return this.policy.openPools(action).has(poolId);
    return this.residualIn(action, poolId) !== null;
  }

  /** Whether the action is allowed on every row that the pool could hold. */
  canEverywhere(action: Action, poolId: string): boolean {
    return holdsAlways(this.residualIn(action, poolId));
  }

  /** On which rows of the pool the action is allowed; null: on none. */
  residualIn(action: Action, poolId: string): Residual | null {
    return this.policy.residualAt(action, poolId, this.ownPools.has(poolId));
  }

  /** ADMINISTER is about the organisation: an ALLOW on `*` gives it, and any DENY takes it away, whatever its pools. */
  may(action: 'ADMINISTER'): boolean {
    return action === 'ADMINISTER' && this.administers;
  }

  /** What `readFilter` says in SQL: READ, or for a held memory its author with READ or PROPOSE, or REVIEW. */
  canSee(row: MemoryRow): boolean {
    if (isOpen(row)) return this.can('READ', row);
    if (!isHeld(row)) return false;
    return this.seesAsAuthor(row) || this.can('REVIEW', row);
  }

  /** The maskable fields shown of a row; none when the row is not seen. */
  visibleFields(row: MemoryRow): ReadonlySet<MaskableField> {
    if (!this.canSee(row)) return new Set();
    const subject = this.subject(row);
    const shown = isHeld(row) ? this.notHidden(subject) : this.readable(subject);
    return new Set(MASKABLE_FIELDS.filter(shown));
  }

  /** The attributes of a row that are hidden, by the names that conditions give them. */
  hiddenAttributes(row: MemoryRow): ReadonlySet<ConditionField> {
    const shown = this.visibleFields(row);
    const hidden = MASKABLE_FIELDS.filter((field) => !shown.has(field));
    return new Set(hidden.flatMap((field) => HIDEABLE_ATTRIBUTES[field] ?? []));
  }

  readFilter(purpose: string): ReadFilter {
    return new PrincipalFilter(purpose, this.version, this.principalId, this.scope());
  }

  private seesAsAuthor(row: MemoryRow): boolean {
    if (row.authorId?.toLowerCase() !== this.principalId) return false;
    return this.can('READ', row) || this.can('PROPOSE', row);
  }

  private readable(subject: Subject): (field: MaskableField) => boolean {
    return (field) => this.policy.ability.can('READ', subject, field);
  }

  /** Author and reviewer see a held row whole, save what a deny hides; CASL asks the denies of fields first. */
  private notHidden(subject: Subject): (field: MaskableField) => boolean {
    return (field) => {
      const rule = this.policy.ability.relevantRuleFor('READ', subject, field)?.conditions;
      return !(rule?.effect === 'DENY' && rule.fields);
    };
  }

  private subject(row: MemoryRow): Subject {
    return new Subject(row, this.ownPools.has(row.poolId));
  }

  private scope(): PoolScope {
    const shared = this.policy.scope();
    if (this.ownPools.size === 0 || !this.policy.hasOwnAgentPools) return shared;
    if (!this.ownScope) {
      const others = narrowTo(shared, (poolId) => !this.ownPools.has(poolId));
      this.ownScope = scopeOf([...others.groups, ...this.policy.scopeOf([...this.ownPools], true).groups]);
    }
    return this.ownScope;
  }
}
