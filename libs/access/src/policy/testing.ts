import { compileCondition, evaluate } from './condition.js';
import { type PolicyStatement } from './statement.js';
import { type MaskableField, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

/** Only for specs: a small team, and builders that fill in what a test does not care about. */

/** The database's clock in specs. */
export const NOW = new Date('2026-01-01T00:00:00Z');

const uuid = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

export const AGENTS = { coder: uuid(1), tester: uuid(2), planner: uuid(3), reviewer: uuid(4), admin: uuid(5) } as const;

const pool = (n: number, key: string, rest: Partial<PoolRef> = {}): PoolRef => ({
  id: uuid(100 + n),
  key,
  kind: 'ROLE',
  role: null,
  ownerId: null,
  ...rest,
});

export const POOLS: readonly PoolRef[] = [
  pool(1, 'shared', { kind: 'SHARED' }),
  pool(2, 'planner', { role: 'planner' }),
  pool(3, 'coder', { role: 'coder' }),
  pool(4, 'reviewer', { role: 'reviewer' }),
  pool(5, 'tester', { role: 'tester' }),
  pool(6, 'agent:coder', { kind: 'AGENT', ownerId: AGENTS.coder }),
  pool(7, 'agent:tester', { kind: 'AGENT', ownerId: AGENTS.tester }),
];

export function poolId(key: string): string {
  const found = POOLS.find((candidate) => candidate.key === key);
  if (!found) throw new Error(`no pool ${key}`);
  return found.id;
}

let rows = 1000;

export const memoryRow = (rest: Partial<MemoryRow> & { pool?: string } = {}): MemoryRow => {
  const { pool: key = 'shared', ...given } = rest;
  return {
    id: uuid(rows++),
    poolId: poolId(key),
    type: 'DECLARATIVE',
    status: 'ACTIVE',
    entityId: null,
    sessionId: null,
    speaker: null,
    authorId: AGENTS.planner,
    authorRole: 'planner',
    importance: 'MEDIUM',
    labels: [],
    createdAt: new Date('2026-01-01T00:00:00.000Z'),
    validFrom: null,
    ...given,
  };
};

let statements = 0;

export const statement = (rest: Partial<PolicyStatement> = {}): PolicyStatement => ({
  id: `s${statements++}`,
  effect: 'ALLOW',
  roles: ['coder'],
  actions: ['READ'],
  pools: ['shared'],
  where: null,
  fields: null,
  expiresAt: null,
  reason: null,
  ...rest,
});

/** The model in its own words: no merging, no CASL, no sets of pools. */
export function naivelyAllowed(
  statements: readonly PolicyStatement[],
  who: PrincipalRef,
  action: string,
  row: MemoryRow,
): boolean {
  const speaking = statements.filter((statement) => naivelySpeaks(statement, who, action, row));
  return (
    speaking.some(({ effect }) => effect === 'ALLOW') &&
    !speaking.some(({ effect, fields }) => effect === 'DENY' && (action !== 'READ' || !fields))
  );
}

export function naivelyHidden(
  statements: readonly PolicyStatement[],
  who: PrincipalRef,
  field: MaskableField,
  row: MemoryRow,
): boolean {
  return statements.some(
    (statement) =>
      statement.effect === 'DENY' && statement.fields?.includes(field) && naivelySpeaks(statement, who, 'READ', row),
  );
}

export function naivelySpeaks(statement: PolicyStatement, who: PrincipalRef, action: string, row: MemoryRow): boolean {
  const { effect, roles, actions, pools, where, expiresAt } = statement;
  if (expiresAt && expiresAt <= NOW) return false;
  if (!(roles as string[]).some((role) => role === '*' || role === who.role)) return false;
  if (!(actions as string[]).includes(action)) return false;
  const pool = POOLS.find(({ id }) => id === row.poolId);
  const own = pool?.kind === 'ROLE' ? pool.role === who.role : pool?.ownerId === who.id;
  const named = pools.some(
    (name) => name === '*' || name === pool?.key || name === `kind:${pool?.kind}` || (name === 'own' && own),
  );
  const administers = effect === 'DENY' || pools.includes('*');
  if (!(action === 'ADMINISTER' ? administers : named)) return false;
  const truth = evaluate(compileCondition(where), row);
  return effect === 'ALLOW' ? truth === 'TRUE' : truth !== 'FALSE';
}
