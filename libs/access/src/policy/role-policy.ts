import { Ability } from '@casl/ability';
import { type PoolDirectory } from './pool-directory.js';
import { countTests, groupPools, type PoolScope } from './pool-groups.js';
import { residualOf, type Residual } from './residual.js';
import { RuleSignatures } from './rule-signatures.js';
import { applies, covers, rulesFor, speaksOf, type LiveStatement, type Rule } from './rules.js';
import { type PolicyStatement } from './statement.js';
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
  private readonly signatures = new RuleSignatures();
  private readonly residuals = new Map<string, Residual | null>();
  private sharedScope: PoolScope | undefined;

  constructor(
    readonly role: string,
    private readonly live: readonly LiveStatement[],
    readonly pools: PoolDirectory,
  ) {
    this.rules = rulesFor(role, live, pools);
    this.hasOwnAgentPools = this.rules.some((rule) => rule.pools.own);
    this.ability = abilityOf(this.rules);
  }

  /** Of the statements that say by themselves what a rule decided over the whole row, the earliest. */
  statementOf({ action, effect }: Rule, { row, own }: Subject): PolicyStatement | undefined {
    const pool = this.pools.byId.get(row.poolId);
    const asker = { role: this.role, own };
    return this.live.find(
      ({ statement, condition }) =>
        statement.effect === effect &&
        statement.actions.includes(action) &&
        (effect === 'ALLOW' || action !== 'READ' || !statement.fields) &&
        speaksOf(statement, this.role) &&
        pool &&
        covers(statement, action, pool, asker) &&
        applies(effect, condition, row),
    )?.statement;
  }

  /** The tests of a read filter, counted up to a little more than `enough`. @param privatePool an AGENT pool of whoever asks */
  readTests(privatePool: string, enough: number): number {
    const shared = [...this.pools.byId.keys()].filter((poolId) => poolId !== privatePool);
    const tests = countTests(shared, (action, poolId) => this.rulesAt(action, poolId, false), enough);
    return tests + countTests([privatePool], (action, poolId) => this.rulesAt(action, poolId, true), enough);
  }

  /** The rules of an action that speak of a pool. */
  rulesAt(action: Action, poolId: string, own: boolean): readonly Rule[] {
    const shared = this.indexOf(action).get(poolId) ?? [];
    if (!own || !this.hasOwnAgentPools) return shared;
    return this.rules.filter((rule) => rule.action === action && (rule.pools.own || rule.pools.ids.has(poolId)));
  }

  /** On which rows of a pool the action is allowed; null: on none. Pools under the same rules are decided once. */
  residualAt(action: Action, poolId: string, own: boolean): Residual | null {
    const rules = this.rulesAt(action, poolId, own);
    const signature = this.signatures.of([rules]);
    let residual = this.residuals.get(signature);
    if (residual === undefined) this.residuals.set(signature, (residual = residualOf(rules)));
    return residual;
  }

  /** The pools in which some row could be allowed, for a principal that owns none of them. */
  openPools(action: Action): ReadonlySet<string> {
    let open = this.open.get(action);
    if (!open) {
      const spokenOf = [...this.indexOf(action).keys()];
      open = new Set(spokenOf.filter((poolId) => this.residualAt(action, poolId, false)));
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
 * CASL asks the last rule first and the first that matches decides. So: allows, then denies of rows, then denies of fields,
 * which CASL passes over when asked about no field.
 */
function abilityOf(rules: readonly Rule[]): RoleAbility {
  const rank = (rule: Rule) => (rule.effect === 'ALLOW' ? 0 : rule.fields ? 2 : 1);
  const ordered = [...rules].sort((a, b) => rank(a) - rank(b));
  const raw = ordered.map((rule) => ({
    action: rule.action,
    subject: 'Memory' as const,
    inverted: rule.effect === 'DENY',
    conditions: rule,
    ...(rule.fields ? { fields: [...rule.fields] } : {}),
  }));
  return new Ability<[Action, Subject | 'Memory'], Rule>(raw, {
    conditionsMatcher: (rule) => (subject) => matches(rule, subject as Subject),
    fieldMatcher: (fields) => (field) => fields.includes(field),
    detectSubjectType: () => 'Memory',
  });
}

function matches({ pools, effect, condition }: Rule, { row, own }: Subject): boolean {
  return (pools.ids.has(row.poolId) || (pools.own && own)) && applies(effect, condition, row);
}
