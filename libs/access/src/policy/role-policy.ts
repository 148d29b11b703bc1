import { Ability } from '@casl/ability';
import { evaluate } from './condition.js';
import { type PoolDirectory } from './pool-directory.js';
import { groupPools, type PoolScope } from './pool-groups.js';
import { residualOf } from './residual.js';
import { rulesFor, type LiveStatement, type Rule } from './rules.js';
import { type Action, type MemoryRow } from './vocabulary.js';

/** What CASL is asked about: a wrapper made here, so that nothing in a row can pose as a type. */
export class Subject {
  constructor(
    readonly row: MemoryRow,
    /** Whether the row lies in an AGENT pool of whoever asks. */
    readonly own: boolean,
  ) {}
}

export type RoleAbility = Ability<[Action, Subject | 'Memory'], Rule>;

/** The policy of one role over the pools of one directory; shared by all principals of the role. */
export class RolePolicy {
  readonly ability: RoleAbility;
  readonly hasOwnAgentPools: boolean;
  private readonly rules: readonly Rule[];
  private readonly rulesByPool = new Map<Action, Map<string, Rule[]>>();
  private readonly open = new Map<Action, ReadonlySet<string>>();
  private sharedScope: PoolScope | undefined;

  constructor(
    readonly role: string,
    live: readonly LiveStatement[],
    readonly pools: PoolDirectory,
  ) {
    this.rules = rulesFor(role, live, pools);
    this.hasOwnAgentPools = this.rules.some((rule) => rule.pools.own);
    this.ability = abilityOf(this.rules);
  }

  /** The rules of an action that speak of a pool, in the order of the statements. */
  rulesAt(action: Action, poolId: string, own: boolean): readonly Rule[] {
    const shared = this.indexOf(action).get(poolId) ?? [];
    if (!own || !this.hasOwnAgentPools) return shared;
    return this.rules.filter((rule) => rule.action === action && (rule.pools.own || rule.pools.ids.has(poolId)));
  }

  /** The pools in which some row could be allowed, for a principal that owns none of them. */
  openPools(action: Action): ReadonlySet<string> {
    let open = this.open.get(action);
    if (!open) {
      const byPool = [...this.indexOf(action)];
      open = new Set(byPool.filter(([, rules]) => residualOf(rules)).map(([poolId]) => poolId));
      this.open.set(action, open);
    }
    return open;
  }

  /** All pools, for a principal that owns none of them. */
  scope(): PoolScope {
    this.sharedScope ??= this.scopeOf([...this.pools.byId.keys()], false);
    return this.sharedScope;
  }

  scopeOf(poolIds: readonly string[], own: boolean): PoolScope {
    return groupPools(poolIds, (action, poolId) => this.rulesAt(action, poolId, own));
  }

  private indexOf(action: Action): Map<string, Rule[]> {
    const known = this.rulesByPool.get(action);
    if (known) return known;
    const index = new Map<string, Rule[]>();
    for (const rule of this.rules.filter((candidate) => candidate.action === action)) {
      for (const id of rule.pools.ids) {
        const rules = index.get(id);
        if (rules) rules.push(rule);
        else index.set(id, [rule]);
      }
    }
    this.rulesByPool.set(action, index);
    return index;
  }
}

/**
 * CASL asks the last rule first and the first that matches decides. So: allows, then denies of rows, then denies of
 * fields (which CASL passes over when asked about no field), each backwards, that of several that apply the earliest is the one named.
 */
function abilityOf(rules: readonly Rule[]): RoleAbility {
  const rank = (rule: Rule) => (rule.effect === 'ALLOW' ? 0 : rule.fields ? 2 : 1);
  const ordered = [...rules].reverse().sort((a, b) => rank(a) - rank(b));
  const raw = ordered.map((rule) => ({
    action: rule.action,
    subject: 'Memory' as const,
    inverted: rule.effect === 'DENY',
    conditions: rule,
    ...(rule.fields ? { fields: [...rule.fields] } : {}),
  }));
  return new Ability<[Action, Subject | 'Memory'], Rule>(raw, {
    conditionsMatcher: (rule) => (subject) => applies(rule, subject as Subject),
    fieldMatcher: (fields) => (field) => fields.includes(field),
    detectSubjectType: () => 'Memory',
  });
}

/** An allow needs TRUE; a deny needs no more than not FALSE. */
function applies(rule: Rule, subject: Subject): boolean {
  if (!rule.pools.ids.has(subject.row.poolId) && !(rule.pools.own && subject.own)) return false;
  const truth = evaluate(rule.condition, subject.row);
  return rule.effect === 'ALLOW' ? truth === 'TRUE' : truth !== 'FALSE';
}
