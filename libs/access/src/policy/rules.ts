import { evaluate, type Condition } from './condition.js';
import { mergeConditions } from './families.js';
import { type PoolDirectory, type PoolSet } from './pool-directory.js';
import { type PolicyStatement } from './statement.js';
import { type Action, type Effect, type MaskableField, type MemoryRow, type PoolRef } from './vocabulary.js';

/** A statement with its condition compiled. */
export interface LiveStatement {
  readonly statement: PolicyStatement;
  readonly condition: Condition;
}

/**
 * Statements of one effect and one condition, merged for one role and one action into one set of pools; and where pools and
 * fields are the same too, statements whose conditions are a family.
 */
export interface Rule {
  readonly action: Action;
  readonly effect: Effect;
  readonly condition: Condition;
  /** Only for READ: what it shows or hides; null: all of it. */
  readonly fields: readonly MaskableField[] | null;
  readonly pools: PoolSet;
}

type Draft = Omit<Rule, 'pools'> & { selectors: Set<string> };

/** The rules of one role; in what order does not matter. */
export function rulesFor(role: string, live: readonly LiveStatement[], pools: PoolDirectory): Rule[] {
  const drafts = new Map<string, Draft>();
  for (const { statement, condition } of live) {
    if (!speaksOf(statement, role)) continue;
    for (const action of statement.actions) {
      const selectors = selectorsOf(statement, action);
      if (selectors.length === 0) continue;
      const draft = draftFor(drafts, statement, condition, action);
      for (const selector of selectors) draft.selectors.add(selector);
    }
  }
  return [...ofOneShape(drafts.values())].flatMap((alike) => {
    const [{ selectors, ...rule }] = alike as [Draft];
    const set = pools.select(selectors, role);
    return mergeConditions(alike.map((draft) => draft.condition)).map((condition) => ({
      ...rule,
      condition,
      pools: set,
    }));
  });
}

/** The drafts that differ in nothing but their conditions, together. */
function ofOneShape(drafts: Iterable<Draft>): Iterable<Draft[]> {
  const shapes = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const shape = `${shapeOf(draft)}|${[...draft.selectors].sort().join()}`;
    const alike = shapes.get(shape);
    if (alike) alike.push(draft);
    else shapes.set(shape, [draft]);
  }
  return shapes.values();
}

export const speaksOf = (statement: PolicyStatement, role: string): boolean =>
  statement.roles.includes(role) || statement.roles.includes('*');

function draftFor(drafts: Map<string, Draft>, statement: PolicyStatement, condition: Condition, action: Action): Draft {
  const fields = action === 'READ' ? statement.fields : null;
  const key = `${shapeOf({ action, effect: statement.effect, fields })}|${condition.key}`;
  let draft = drafts.get(key);
  if (!draft) drafts.set(key, (draft = { action, effect: statement.effect, condition, fields, selectors: new Set() }));
  return draft;
}

const shapeOf = ({ action, effect, fields }: Pick<Rule, 'action' | 'effect' | 'fields'>): string =>
  `${action}|${effect}|${fields ? [...fields].sort().join() : '*'}`;

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

/** Whether a statement names the pool. */
export function covers(statement: PolicyStatement, action: Action, pool: PoolRef, asker: Asker): boolean {
  return selectorsOf(statement, action).some((selector) => {
    if (selector === 'own') return asker.own || (pool.kind === 'ROLE' && pool.role === asker.role);
    return selector === '*' || selector === pool.key || selector === `kind:${pool.kind}`;
  });
}

interface Asker {
  readonly role: string;
  /** Whether the pool is an AGENT pool of whoever asks. */
  readonly own: boolean;
}

/** An allow needs TRUE; a deny needs no more than not FALSE. */
export function applies(effect: Effect, condition: Condition, row: MemoryRow): boolean {
  const truth = evaluate(condition, row);
  return effect === 'ALLOW' ? truth === 'TRUE' : truth !== 'FALSE';
}
