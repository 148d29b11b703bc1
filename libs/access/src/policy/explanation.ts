import { isHeld, type Access } from './access.js';
import { type ConditionField } from './catalogue.js';
import { type CompiledPolicy } from './compiled-policy.js';
import { truthOf } from './condition-edits.js';
import { conditionOf, evaluate, type Truth } from './condition.js';
import { inWords } from './condition-words.js';
import { nearestAllow } from './nearest-allow.js';
import { covers, speaksOf } from './rules.js';
import { type PolicyStatement } from './statement.js';
import { isOwn, verdict } from './verdict.js';
import { type Action, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

/** One statement that was looked at, and what came of it. */
export interface DecisionStep {
  readonly statement: PolicyStatement;
  readonly outcome: Truth;
  readonly because: string;
}

export interface Explanation {
  readonly allowed: boolean;
  readonly decidedBy: PolicyStatement | null;
  readonly reason: string;
  readonly trace: readonly DecisionStep[];
}

/** Whether `who` may do `action`: with one memory, or with some memory of a pool, or (ADMINISTER) in the organisation. */
export interface Question {
  readonly who: PrincipalRef;
  readonly action: Action;
  readonly pool: PoolRef | null;
  readonly row: MemoryRow | null;
  /** Fields of the memory that are hidden from whoever asks: nothing is told of what they hold. */
  readonly hidden?: ReadonlySet<ConditionField>;
}

/** What decides, and why, with every statement that names the role and an action that matters here. */
export function explain(policy: CompiledPolicy, pools: readonly PoolRef[], question: Question): Explanation {
  const trace = traceOf(policy, question);
  const access = policy.forPrincipal(question.who, pools);
  const decided = question.row ? decideOn(access, question, question.row) : decideSomewhere(access, question, trace);
  // No change of the memory lets its author review it.
  const isOwnReview = question.action === 'REVIEW' && question.row !== null && isOwn(access, question.row);
  if (decided.allowed || isOwnReview) return { ...decided, trace };
  return { ...decided, reason: `${decided.reason}; ${hint(policy, access, question)}`, trace };
}

type Decided = Omit<Explanation, 'trace'>;

function decideOn(access: Access, { action }: Question, row: MemoryRow): Decided {
  const { allowed, statement, reason } = verdict(access, action, row);
  return { allowed, decidedBy: statement, reason };
}

/** Without a memory to ask of: whether there could be one. A statement with a condition is UNKNOWN then. */
function decideSomewhere(access: Access, question: Question, trace: readonly DecisionStep[]): Decided {
  const { who, action, pool } = question;
  const allowed = pool && action !== 'ADMINISTER' ? access.canSomewhere(action, pool.id) : access.may('ADMINISTER');
  const applying = trace.filter(({ statement, outcome }) => statement.actions.includes(action) && outcome !== 'FALSE');
  const of = (effect: string, outcome: Truth) =>
    applying.find(
      (step) => step.statement.effect === effect && step.outcome === outcome && !isMask(step.statement, action),
    )?.statement;
  const decidedBy = (allowed ? (of('ALLOW', 'TRUE') ?? of('ALLOW', 'UNKNOWN')) : of('DENY', 'TRUE')) ?? null;
  const where = pool ? ` in pool ${pool.key}` : '';
  const may = `role ${who.role} may ${allowed ? '' : 'not '}${action}${where}`;
  if (!decidedBy) return { allowed, decidedBy, reason: `${may}: no statement allows it` };
  const { tests } = conditionOf(decidedBy.where);
  const some = tests.length > 0 ? `, for memories of which ${inWords(tests)}` : '';
  const why = decidedBy.reason === null ? '' : `: ${decidedBy.reason}`;
  const by = `${allowed ? 'allowed' : 'denied'} by statement ${decidedBy.id}${some}${why}`;
  return { allowed, decidedBy, reason: `${may}: ${by}` };
}

function traceOf(policy: CompiledPolicy, question: Question): DecisionStep[] {
  const { who, action, row } = question;
  const actions = actionsThatMatter(action, row);
  const live = new Set(policy.live);
  return policy.statements.flatMap((statement) => {
    const named = actions.filter((one) => statement.actions.includes(one));
    if (named.length === 0 || !speaksOf(statement, who.role)) return [];
    const { outcome, because } = outcomeOf(statement, named[0] as Action, question, live.has(statement));
    const about = named.includes(action) ? '' : `${named.join(' and ')}: `;
    return [{ statement, outcome, because: `${about}${because}` }];
  });
}

/** A held memory is shown by other actions than READ, and only what is shown can be changed. */
function actionsThatMatter(action: Action, row: MemoryRow | null): Action[] {
  if (!row || !['READ', 'REVISE', 'FORGET', 'REVIEW'].includes(action)) return [action];
  const seeing: Action[] = isHeld(row) ? ['REVIEW', 'PROPOSE', 'READ'] : ['READ'];
  return [...new Set([action, ...seeing])];
}

function outcomeOf(
  statement: PolicyStatement,
  action: Action,
  question: Question,
  isLive: boolean,
): Pick<DecisionStep, 'outcome' | 'because'> {
  const { who, pool, row } = question;
  if (!isLive) return { outcome: 'FALSE', because: `expired at ${statement.expiresAt?.toISOString()}` };
  if (pool && !speaksOfPool(statement, action, pool, who))
    return { outcome: 'FALSE', because: `does not speak of the pool ${pool.key}` };
  if (action === 'ADMINISTER' && statement.effect === 'ALLOW' && !statement.pools.includes('*'))
    return { outcome: 'FALSE', because: 'ADMINISTER is given on * alone' };
  const condition = conditionOf(statement.where);
  if (condition.tests.length === 0) return { outcome: 'TRUE', because: `has no condition${maskOf(statement, action)}` };
  if (!row) return { outcome: 'UNKNOWN', because: `depends on the memory: ${inWords(condition.tests)}` };
  const hidden = condition.tests.filter(({ field }) => question.hidden?.has(field));
  if (hidden.length > 0)
    return { outcome: 'UNKNOWN', because: `depends on what is hidden from you: ${inWords(hidden)}` };
  const outcome = evaluate(condition, row);
  const deciding = condition.tests.filter((test) => truthOf(test, row) === outcome);
  return {
    outcome,
    because: `${TELL[outcome]}${inWords(deciding)}${unknownOf(statement, outcome)}${maskOf(statement, action)}`,
  };
}

const TELL: Record<Truth, string> = {
  TRUE: 'holds: ',
  FALSE: 'does not hold: ',
  UNKNOWN: 'the memory has no value for it: ',
};

const unknownOf = ({ effect }: PolicyStatement, outcome: Truth): string =>
  outcome !== 'UNKNOWN'
    ? ''
    : effect === 'DENY'
      ? ', and what is unknown is denied'
      : ', and what is unknown is not allowed';

const isMask = ({ effect, fields }: PolicyStatement, action: Action): boolean =>
  effect === 'DENY' && fields !== null && action === 'READ';

function maskOf(statement: PolicyStatement, action: Action): string {
  if (!statement.fields || action !== 'READ') return '';
  const fields = statement.fields.join(', ');
  return isMask(statement, action) ? `; hides ${fields}, and not the memory` : `; shows ${fields} alone`;
}

const speaksOfPool = (statement: PolicyStatement, action: Action, pool: PoolRef, who: PrincipalRef): boolean =>
  covers(statement, action, pool, { role: who.role, own: pool.kind === 'AGENT' && pool.ownerId === who.id });

/** What would have to be otherwise, in the nearest way that there is. */
function hint(policy: CompiledPolicy, access: Access, question: Question): string {
  const { who, action, pool, row } = question;
  const ofAction = policy.live.filter((statement) => statement.actions.includes(action));
  const ofRole = ofAction.filter((statement) => speaksOf(statement, who.role));
  const here = pool ? ofRole.filter((statement) => speaksOfPool(statement, action, pool, who)) : ofRole;
  // A wish would tell what is not so.
  const tellsOfHidden = ({ where }: PolicyStatement) =>
    conditionOf(where).tests.some(({ field }) => question.hidden?.has(field));
  const nearest = row && !here.some(tellsOfHidden) && nearestAllow(access, action, row, here);
  if (nearest) return `it would be allowed by statement ${nearest.statement.id} if ${nearest.wishes.join(' and ')}`;
  const unconditional = here.find(
    (statement) => statement.effect === 'DENY' && !isMask(statement, action) && statement.where === null,
  );
  if (unconditional) return `nothing allows it as long as statement ${unconditional.id} denies it`;
  const elsewhere = selectorsOf(ofRole);
  if (elsewhere) return `the role ${who.role} has ${action} in ${elsewhere}`;
  const others = rolesOf(ofAction);
  return others ? `${action} is given to ${others}` : `no statement gives ${action} to any role`;
}

const MOST_NAMED = 5;

const some = (names: readonly string[]): string => {
  const distinct = [...new Set(names)];
  const more = distinct.length - MOST_NAMED;
  return distinct.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
};
const selectorsOf = (statements: readonly PolicyStatement[]): string =>
  some(statements.filter(({ effect }) => effect === 'ALLOW').flatMap(({ pools }) => pools));
const rolesOf = (statements: readonly PolicyStatement[]): string =>
  some(statements.filter(({ effect }) => effect === 'ALLOW').flatMap(({ roles }) => roles));
