import type { Statement } from './policy.js';

/**
 * Who may see what under any policy: written from the words of the model, with no line of the product. Default deny; a
 * deny that may apply overrides every allow that does; what has expired is nothing.
 */
export interface Asker {
  id: string;
  role: string;
}

export interface PoolFact {
  key: string;
  kind: 'SHARED' | 'ROLE' | 'AGENT';
  /** Of a ROLE pool. */
  role: string | null;
  /** Of an AGENT pool. */
  owner: string | null;
}

/** What a decision is about. */
export interface Subject {
  pool: PoolFact;
  status: string;
  wasHeld: boolean;
  /** Past its expiresAt: gone for everybody. */
  expired: boolean;
  authorId: string;
  /** By the name that a condition has for it; null is what nobody said. */
  attributes: Record<string, string | string[] | null>;
}

export type Truth = true | false | 'UNKNOWN';

const HELD = ['PROPOSED', 'REJECTED', 'QUARANTINED'];
const IMPORTANCE = ['LOW', 'MEDIUM', 'HIGH'];

export function isHeld({ status, wasHeld }: Pick<Subject, 'status' | 'wasHeld'>): boolean {
  return HELD.includes(status) || wasHeld;
}

/** All of a condition must hold; one comparison with null leaves it UNKNOWN, unless another is FALSE. */
export function truthOf(where: Statement['where'], { attributes }: Pick<Subject, 'attributes'>): Truth {
  const truths = Object.entries(where ?? {}).flatMap(([field, tests]) =>
    Object.entries(tests as Record<string, string | string[]>).map(([operator, wanted]) =>
      compare(field, attributes[field] ?? null, operator, wanted),
    ),
  );
  if (truths.includes(false)) return false;
  return truths.includes('UNKNOWN') ? 'UNKNOWN' : true;
}

function compare(field: string, stored: string | string[] | null, operator: string, wanted: string | string[]): Truth {
  if (stored === null) return 'UNKNOWN';
  const place = (value: string): string | number => {
    if (field === 'importance') return IMPORTANCE.indexOf(value);
    if (field === 'authorId') return value.toLowerCase();
    return field === 'createdAt' || field === 'validFrom' ? Date.parse(value) : value;
  };
  const others = [wanted].flat().map(place);
  const [other] = others as [string | number];
  if (Array.isArray(stored)) return others.some((label) => stored.includes(label as string));
  const value = place(stored);
  if (operator === 'eq' || operator === 'in') return others.includes(value);
  if (operator === 'ne' || operator === 'nin') return !others.includes(value);
  if (operator === 'lt') return value < other;
  if (operator === 'lte') return value <= other;
  return operator === 'gt' ? value > other : value >= other;
}

export class Oracle {
  private readonly live: readonly Statement[];
  private readonly shown = new Map<Subject, Map<string, boolean>>();

  constructor(
    statements: readonly Statement[],
    private readonly who: Asker,
  ) {
    this.live = statements.filter(({ expiresAt }) => !expiresAt || Date.parse(expiresAt) > Date.now());
  }

  may(action: string, subject: Subject): boolean {
    const applying = this.live.filter((statement) => this.applies(statement, action, subject));
    const denied = applying.some(({ effect, fields }) => effect === 'DENY' && !(action === 'READ' && fields));
    return !denied && applying.some(({ effect }) => effect === 'ALLOW');
  }

  sees(subject: Subject): boolean {
    if (subject.expired) return false;
    if (!isHeld(subject)) return this.may('READ', subject);
    const isAuthor = subject.authorId === this.who.id;
    return (isAuthor && (this.may('READ', subject) || this.may('PROPOSE', subject))) || this.may('REVIEW', subject);
  }

  /** Of a memory that is seen; asked of each many times. */
  shows(field: string, subject: Subject): boolean {
    const known = this.shown.get(subject) ?? new Map<string, boolean>();
    this.shown.set(subject, known);
    const found = known.get(field) ?? this.findShown(field, subject);
    known.set(field, found);
    return found;
  }

  private findShown(field: string, subject: Subject): boolean {
    const reads = this.live.filter((statement) => this.applies(statement, 'READ', subject));
    const names = ({ fields }: Statement) => fields?.includes(field) ?? false;
    if (reads.some((statement) => statement.effect === 'DENY' && names(statement))) return false;
    return (
      isHeld(subject) ||
      reads.some((statement) => statement.effect === 'ALLOW' && (!statement.fields || names(statement)))
    );
  }

  /** Whether an action in a pool may be possible on some memory: FALSE where no allow names it, or a deny without a condition. */
  mightDo(action: string, pool: PoolFact): boolean {
    const about = this.live.filter((statement) => this.speaksOf(statement, action, pool));
    const bars = ({ effect, where, fields }: Statement) =>
      effect === 'DENY' && (action === 'ADMINISTER' || (!where && !(action === 'READ' && fields)));
    return about.some(({ effect }) => effect === 'ALLOW') && !about.some(bars);
  }

  /** Whether an action is allowed on every memory that a pool could hold. */
  always(action: string, pool: PoolFact): boolean {
    const about = this.live.filter((statement) => this.speaksOf(statement, action, pool));
    return (
      about.some(({ effect, where }) => effect === 'ALLOW' && !where) && !about.some(({ effect }) => effect === 'DENY')
    );
  }

  private applies(statement: Statement, action: string, subject: Subject): boolean {
    if (!this.speaksOf(statement, action, subject.pool)) return false;
    const truth = truthOf(statement.where, subject);
    return statement.effect === 'ALLOW' ? truth === true : truth !== false;
  }

  private speaksOf({ effect, roles, actions, pools }: Statement, action: string, pool: PoolFact): boolean {
    if (!actions.includes(action) || !(roles.includes('*') || roles.includes(this.who.role))) return false;
    // It is about the organisation: allowed on all pools or not at all, and denied by any deny.
    if (action === 'ADMINISTER') return effect === 'DENY' || pools.includes('*');
    const isOwn = pool.kind === 'AGENT' ? pool.owner === this.who.id : pool.role === this.who.role;
    return pools.some(
      (name) => name === '*' || name === pool.key || name === `kind:${pool.kind}` || (name === 'own' && isOwn),
    );
  }
}
