import { describe, expect, it } from '@jest/globals';
import { CompiledPolicy } from './compiled-policy.js';
import { BUILT_IN_ROLES, defaultPolicy } from './default-policy.js';
import { assertAdministrable } from './lockout.js';
import { parseStatements } from './statement.js';
import { AGENTS, memoryRow, POOLS } from './testing.js';

/** The table of the design, by hand: role → pool → what may be done there. Whatever is not here may not be done. */
const ALLOWED: Record<string, Record<string, string>> = {
  planner: {
    planner: 'READ WRITE REVISE FORGET',
    shared: 'READ WRITE',
  },
  coder: {
    coder: 'READ WRITE REVISE FORGET',
    'agent:coder': 'READ WRITE REVISE FORGET',
    shared: 'READ PROPOSE',
    planner: 'READ',
  },
  reviewer: {
    reviewer: 'READ WRITE REVISE FORGET',
    shared: 'READ WRITE REVIEW',
    planner: 'READ',
    coder: 'READ',
  },
  tester: {
    tester: 'READ WRITE REVISE FORGET',
    'agent:tester': 'READ WRITE REVISE FORGET',
    shared: 'READ PROPOSE',
    coder: 'READ',
  },
  admin: {
    shared: 'READ ADMINISTER CONSOLIDATE REVIEW',
    planner: 'READ ADMINISTER CONSOLIDATE REVIEW',
    coder: 'READ ADMINISTER CONSOLIDATE REVIEW',
    reviewer: 'READ ADMINISTER CONSOLIDATE REVIEW',
    tester: 'READ ADMINISTER CONSOLIDATE REVIEW',
    'agent:coder': 'ADMINISTER',
    'agent:tester': 'ADMINISTER',
  },
  stranger: {},
};
const EVERYTHING = ['READ', 'WRITE', 'PROPOSE', 'REVISE', 'FORGET', 'REVIEW', 'CONSOLIDATE', 'ADMINISTER'] as const;

describe('the default policy', () => {
  const policy = new CompiledPolicy(1, defaultPolicy(), new Date());
  const principal = (role: string) => ({ id: AGENTS[role as keyof typeof AGENTS] ?? AGENTS.admin, role });

  it.each(Object.keys(ALLOWED))('lets a %s do what the table says in every pool, and nothing else', (role) => {
    const access = policy.forPrincipal(principal(role), POOLS);
    for (const pool of POOLS) {
      const row = memoryRow({ pool: pool.key });
      const wanted = (ALLOWED[role]?.[pool.key] ?? '').split(' ').filter(Boolean).sort();
      const found = EVERYTHING.filter((action) => access.can(action, row)).sort();
      const somewhere = EVERYTHING.filter((action) => access.canSomewhere(action, pool.id)).sort();
      expect({ pool: pool.key, found, somewhere }).toEqual({ pool: pool.key, found: wanted, somewhere: wanted });
    }
    expect(access.may('ADMINISTER')).toBe(role === 'admin');
  });

  it('is sound by the rules for any draft, and locks nobody out', () => {
    const keys = { roles: new Set<string>(BUILT_IN_ROLES), pools: new Set(POOLS.map(({ key }) => key)) };
    const raw = JSON.parse(JSON.stringify(defaultPolicy())) as unknown;
    expect(parseStatements(raw, keys)).toEqual(defaultPolicy());
    expect(() => assertAdministrable(defaultPolicy(), new Set(['admin']))).not.toThrow();
  });

  it('gives a reason for every statement', () => {
    expect(defaultPolicy().every(({ reason }) => reason !== null && reason.length > 20)).toBe(true);
  });
});
