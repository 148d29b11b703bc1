import { type Condition } from './condition.js';
import { type PoolDirectory, type PoolSet } from './pool-directory.js';
import { type PolicyStatement } from './statement.js';
import { type Action, type Effect, type MaskableField, type PoolRef } from './vocabulary.js';

/** A statement with its condition compiled. */
export interface LiveStatement {
  readonly statement: PolicyStatement;
  readonly condition: Condition;
}

/** All statements of one shape (effect, condition, fields), merged for one role and one action into one set of pools. */
export interface Rule {
  readonly action: Action;
  readonly effect: Effect;
  readonly condition: Condition;
  /** Only for READ: what it shows or hides; null: all of it. */
  readonly fields: readonly MaskableField[] | null;
  readonly pools: PoolSet;
  readonly sources: readonly PolicyStatement[];
}

type Draft = Omit<Rule, 'pools' | 'sources'> & { selectors: Set<string>; sources: PolicyStatement[] };

/** The rules of one role in the order of the statements. */
export function rulesFor(role: string, live: readonly LiveStatement[], pools: PoolDirectory): Rule[] {
  const drafts = new Map<string, Draft>();
  for (const { statement, condition } of live) {
    if (!speaksOf(statement, role)) continue;
    for (const action of statement.actions) {
      const selectors = selectorsOf(statement, action);
      if (selectors.length === 0) continue;
      const draft = draftFor(drafts, statement, condition, action);
      for (const selector of selectors) draft.selectors.add(selector);
      draft.sources.push(statement);
    }
  }
  return [...drafts.values()].map(({ selectors, ...rule }) => ({ ...rule, pools: pools.select(selectors, role) }));
}

export const speaksOf = (statement: PolicyStatement, role: string): boolean =>
  statement.roles.includes(role) || statement.roles.includes('*');

function draftFor(drafts: Map<string, Draft>, statement: PolicyStatement, condition: Condition, action: Action): Draft {
  const fields = action === 'READ' ? statement.fields : null;
  const key = `${action}|${statement.effect}|${fields ? [...fields].sort().join() : '*'}|${condition.key}`;
  let draft = drafts.get(key);
  if (!draft) {
    draft = { action, effect: statement.effect, condition, fields, selectors: new Set(), sources: [] };
    drafts.set(key, draft);
  }
  return draft;
}

const EVERYWHERE = ['*'];

/**
 * ADMINISTER is about the organisation, not about one pool: only an ALLOW on `*` grants it, and a DENY takes it away
 * whatever pools it names, for whoever may change the policy could lift a narrower one.
 */
function selectorsOf(statement: PolicyStatement, action: Action): readonly string[] {
  if (action !== 'ADMINISTER') return statement.pools;
  if (statement.effect === 'DENY') return EVERYWHERE;
  return statement.pools.includes('*') ? EVERYWHERE : [];
}

/** Whether a statement names the pool: for telling which of a rule's sources decided. */
export function covers(statement: PolicyStatement, action: Action, pool: PoolRef, { role, own }: Asker): boolean {
  return selectorsOf(statement, action).some((selector) => {
    if (selector === 'own') return own || (pool.kind === 'ROLE' && pool.role === role);
    return selector === '*' || selector === pool.key || selector === `kind:${pool.kind}`;
  });
}

interface Asker {
  readonly role: string;
  /** Whether the pool is an AGENT pool of whoever asks. */
  readonly own: boolean;
}
