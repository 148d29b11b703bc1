import { type PolicyStatement } from './statement.js';
import { type MemoryRow, type PoolRef } from './vocabulary.js';

/** Only for specs: a small team, and builders that fill in what a test does not care about. */

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
