import { Access } from './access.js';
import { conditionOf } from './condition.js';
import { PoolDirectory } from './pool-directory.js';
import { RolePolicy } from './role-policy.js';
import { speaksOf, type LiveStatement } from './rules.js';
import { type PolicyStatement } from './statement.js';
import { type PoolRef, type PrincipalRef } from './vocabulary.js';

/** One version of a policy, compiled. Immutable: cache it by organisation and version until `validUntil`. */
export class CompiledPolicy {
  /** The earliest expiry still to come, null when there is none: from then on the database refuses what this allows. */
  readonly validUntil: Date | null;
  /** The statements that have not expired. */
  readonly live: readonly PolicyStatement[];
  private readonly compiled: readonly LiveStatement[];
  private readonly roles = new WeakMap<readonly PoolRef[], Map<string, RolePolicy>>();
  private readonly administering = new Map<string, boolean>();

  /** @param dbNow the database's clock: statements that have expired by then are left out. */
  constructor(
    readonly version: number,
    readonly statements: readonly PolicyStatement[],
    dbNow: Date,
  ) {
    const live = statements.filter(({ expiresAt }) => expiresAt === null || expiresAt > dbNow);
    this.live = live;
    this.compiled = live.map((statement) => ({ statement, condition: conditionOf(statement.where) }));
    const expiries = live.flatMap(({ expiresAt }) => (expiresAt ? [expiresAt.getTime()] : []));
    this.validUntil = expiries.length === 0 ? null : new Date(expiries.reduce((a, b) => Math.min(a, b)));
  }

  /** @param pools all pools of the organisation: the same array as long as they have not changed, for it is a cache key. */
  forPrincipal(principal: PrincipalRef, pools: readonly PoolRef[]): Access {
    const policy = this.rolePolicy(principal.role, pools);
    return new Access(this.version, principal, policy, this.administers(principal.role));
  }

  private rolePolicy(role: string, pools: readonly PoolRef[]): RolePolicy {
    let byRole = this.roles.get(pools);
    if (!byRole) this.roles.set(pools, (byRole = new Map<string, RolePolicy>()));
    let policy = byRole.get(role);
    if (!policy) byRole.set(role, (policy = new RolePolicy(role, this.compiled, PoolDirectory.of(pools))));
    return policy;
  }

  private administers(role: string): boolean {
    let known = this.administering.get(role);
    if (known === undefined) this.administering.set(role, (known = administers(this.live, role)));
    return known;
  }
}

function administers(live: readonly PolicyStatement[], role: string): boolean {
  const about = live.filter((statement) => statement.actions.includes('ADMINISTER') && speaksOf(statement, role));
  const granted = about.some(({ effect, pools }) => effect === 'ALLOW' && pools.includes('*'));
  return granted && about.every(({ effect }) => effect === 'ALLOW');
}
