import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { policies, principals, rowValues } from './arbitraries.js';
import { CompiledPolicy } from './compiled-policy.js';
import { explain } from './explanation.js';
import { type PolicyStatement } from './statement.js';
import { AGENTS, memoryRow, NOW, poolId, POOLS, statement } from './testing.js';
import { verdict } from './verdict.js';
import { ACTIONS, IMPORTANCES, type Action, type MemoryRow, type PoolRef, type PrincipalRef } from './vocabulary.js';

const CODER: PrincipalRef = { id: AGENTS.coder, role: 'coder' };
const poolOf = (row: MemoryRow) => POOLS.find(({ id }) => id === row.poolId) as PoolRef;
const compile = (statements: readonly PolicyStatement[]) => new CompiledPolicy(7, statements, NOW);

const ofMemory = (statements: readonly PolicyStatement[], action: Action, row: MemoryRow, who = CODER) =>
  explain(compile(statements), POOLS, { who, action, pool: poolOf(row), row });
const ofPool = (statements: readonly PolicyStatement[], action: Action, key: string, who = CODER) =>
  explain(compile(statements), POOLS, {
    who,
    action,
    pool: POOLS.find(({ id }) => id === poolId(key)) as PoolRef,
    row: null,
  });

const rows: fc.Arbitrary<MemoryRow> = rowValues.map((value) =>
  memoryRow({
    poolId: value.pool_id,
    type: value.type as MemoryRow['type'],
    status: value.status as MemoryRow['status'],
    entityId: value.entity_id as string | null,
    sessionId: value.session_id as string | null,
    speaker: value.speaker as string | null,
    authorId: value.author_id,
    authorRole: value.author_role as string | null,
    importance: IMPORTANCES[value.importance - 1] as MemoryRow['importance'],
    labels: value.labels,
    createdAt: new Date(value.created_at),
    validFrom: value.valid_from === null ? null : new Date(value.valid_from),
  }),
);

describe('an explanation', () => {
  it('is of what happens: the verdict, and a trace from which it follows', () => {
    fc.assert(
      fc.property(policies, principals, fc.constantFrom(...ACTIONS), rows, (statements, who, action, row) => {
        const policy = compile(statements);
        const access = policy.forPrincipal(who, POOLS);
        const { allowed, decidedBy, trace } = explain(policy, POOLS, { who, action, pool: poolOf(row), row });
        expect(allowed).toBe(verdict(access, action, row).allowed);
        if (decidedBy) expect(trace.map((step) => step.statement)).toContain(decidedBy);
        const own = trace.filter((step) => step.statement.actions.includes(action));
        const isMask = ({ fields }: PolicyStatement) => action === 'READ' && fields !== null;
        const follows =
          own.some(({ statement: { effect }, outcome }) => effect === 'ALLOW' && outcome === 'TRUE') &&
          !own.some((step) => step.statement.effect === 'DENY' && step.outcome !== 'FALSE' && !isMask(step.statement));
        expect(access.can(action, row)).toBe(follows);
      }),
      { numRuns: 400 },
    );
  });

  it('of a pool is of some memory that could be in it', () => {
    fc.assert(
      fc.property(
        policies,
        principals,
        fc.constantFrom(...ACTIONS),
        fc.constantFrom(...POOLS),
        (statements, who, action, pool) => {
          const policy = compile(statements);
          const access = policy.forPrincipal(who, POOLS);
          const { allowed, decidedBy } = explain(policy, POOLS, { who, action, pool, row: null });
          expect(allowed).toBe(
            action === 'ADMINISTER' ? access.may('ADMINISTER') : access.canSomewhere(action, pool.id),
          );
          if (decidedBy) expect(decidedBy.effect).toBe(allowed ? 'ALLOW' : 'DENY');
          if (allowed) expect(decidedBy).not.toBeNull();
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('in words', () => {
  const procedures = statement({ id: 'procedures', where: { type: { eq: 'PROCEDURAL' } } });

  it('it names the statement that decided, and its reason', () => {
    const read = statement({ id: 'read', reason: 'Coders read what is shared.' });
    expect(ofMemory([read], 'READ', memoryRow())).toMatchObject({
      allowed: true,
      decidedBy: { id: 'read' },
      reason: 'role coder may READ in pool shared: allowed by statement read: Coders read what is shared.',
      trace: [{ outcome: 'TRUE', because: 'has no condition' }],
    });
  });

  it('it tells the nearest allow, by what would have to be otherwise', () => {
    const { allowed, decidedBy, reason, trace } = ofMemory([procedures], 'READ', memoryRow({ type: 'EPISODIC' }));
    expect({ allowed, decidedBy }).toEqual({ allowed: false, decidedBy: null });
    expect(reason).toContain('it would be allowed by statement procedures if type were PROCEDURAL');
    expect(trace).toMatchObject([{ outcome: 'FALSE', because: 'does not hold: type is PROCEDURAL' }]);
  });

  it('it prefers the allow that is one step away to that which is two', () => {
    const far = statement({ id: 'far', where: { type: { eq: 'PROCEDURAL' }, labels: { contains: 'public' } } });
    const near = statement({ id: 'near', where: { importance: { gte: 'HIGH' } } });
    const { reason } = ofMemory([far, near], 'READ', memoryRow({ type: 'EPISODIC' }));
    expect(reason).toContain('by statement near if importance were at least HIGH');
  });

  it.each([
    [{ speaker: { ne: 'alpha' } }, { speaker: 'alpha' }, 'speaker were other than "alpha"'],
    [{ entityId: { in: ['a', 'b'] } }, {}, 'entityId were one of "a", "b"'],
    [{ entityId: { nin: ['a', 'b'] } }, { entityId: 'a' }, 'entityId were none of "a", "b"'],
    [{ labels: { containsAny: ['x', 'y'] } }, {}, 'labels contained one of "x", "y"'],
    [{ createdAt: { lt: '2020-01-01T00:00:00Z' } }, {}, 'createdAt were before 2020-01-01T00:00:00.000Z'],
    [{ validFrom: { gte: '2020-01-01T00:00:00Z' } }, {}, 'validFrom were no earlier than 2020-01-01T00:00:00.000Z'],
    [{ importance: { lt: 'HIGH' } }, { importance: 'HIGH' as const }, 'importance were below HIGH'],
    [{ authorId: { eq: AGENTS.tester } }, {}, `authorId were ${AGENTS.tester}`],
  ])('%j is wished for as it is said', (where, row, wish) => {
    const { reason } = ofMemory(
      [statement({ id: 'it', where: where as PolicyStatement['where'] })],
      'READ',
      memoryRow(row),
    );
    expect(reason).toContain(`it would be allowed by statement it if ${wish}`);
  });

  it('it tells how a deny would be stepped out of, also where it applies for want of a value', () => {
    const read = statement({ id: 'read' });
    const deny = statement({ id: 'deny', effect: 'DENY', where: { entityId: { eq: 'payroll' } } });
    const denied = ofMemory([read, deny], 'READ', memoryRow({ entityId: null }));
    expect(denied).toMatchObject({ allowed: false, decidedBy: { id: 'deny' } });
    expect(denied.reason).toContain('it would be allowed by statement read if entityId were other than "payroll"');
    expect(denied.trace).toMatchObject([
      { statement: { id: 'read' }, outcome: 'TRUE' },
      {
        statement: { id: 'deny' },
        outcome: 'UNKNOWN',
        because: 'the memory has no value for it: entityId is "payroll", and what is unknown is denied',
      },
    ]);
  });

  it('it offers nothing that a deny would take away again', () => {
    const deny = statement({ id: 'never', effect: 'DENY' });
    const { reason } = ofMemory([procedures, deny], 'READ', memoryRow());
    expect(reason).toContain('nothing allows it as long as statement never denies it');
  });

  it('it tells where else the role has the action, or who else has it', () => {
    const elsewhere = statement({ pools: ['planner', 'own'] });
    expect(ofMemory([elsewhere], 'READ', memoryRow()).reason).toContain('the role coder has READ in planner, own');
    const others = statement({ roles: ['reviewer', 'tester'] });
    expect(ofMemory([others], 'READ', memoryRow()).reason).toContain('READ is given to reviewer, tester');
    expect(ofMemory([], 'READ', memoryRow()).reason).toContain('no statement gives READ to any role');
  });

  it('it tells why a statement does not count: another pool, expired, or for some fields alone', () => {
    const because = (one: PolicyStatement) => ofMemory([one], 'READ', memoryRow()).trace[0]?.because;
    expect(because(statement({ pools: ['own'] }))).toBe('does not speak of the pool shared');
    expect(because(statement({ expiresAt: NOW }))).toBe('expired at 2026-01-01T00:00:00.000Z');
    expect(because(statement({ fields: ['content'] }))).toBe('has no condition; shows content alone');
    expect(because(statement({ effect: 'DENY', fields: ['labels'] }))).toBe(
      'has no condition; hides labels, and not the memory',
    );
  });

  it('it leaves out statements of other roles and actions', () => {
    expect(
      ofMemory([statement({ roles: ['tester'] }), statement({ actions: ['WRITE'] })], 'READ', memoryRow()).trace,
    ).toEqual([]);
  });

  it('of a held memory it looks at what shows those: authorship, and REVIEW', () => {
    const proposal = memoryRow({ status: 'PROPOSED', authorId: AGENTS.coder });
    const read = statement({ id: 'read', roles: ['*'] });
    const propose = statement({ id: 'propose', actions: ['PROPOSE'] });
    const own = ofMemory([read, propose], 'READ', proposal);
    expect(own).toMatchObject({ allowed: true, decidedBy: { id: 'propose' } });
    expect(own.trace.map(({ because }) => because)).toEqual(['has no condition', 'PROPOSE: has no condition']);
    const others = ofMemory([read], 'READ', proposal, { id: AGENTS.tester, role: 'tester' });
    expect(others.allowed).toBe(false);
    expect(others.reason).toContain('a memory that is PROPOSED is shown to its author and to whoever may REVIEW');
    expect(others.reason).toContain('it would be allowed by statement read if it were approved');
  });

  it('nobody reviews their own, and no change of the memory is offered for it', () => {
    const review = statement({ actions: ['REVIEW', 'READ', 'PROPOSE'] });
    const { allowed, decidedBy, reason } = ofMemory(
      [review],
      'REVIEW',
      memoryRow({ status: 'PROPOSED', authorId: AGENTS.coder }),
    );
    expect({ allowed, decidedBy }).toEqual({ allowed: false, decidedBy: null });
    expect(reason).toBe('nobody reviews what is their own, for nobody sees their own mistakes');
  });

  it('of a pool, a statement with a condition is UNKNOWN', () => {
    const { allowed, decidedBy, reason, trace } = ofPool([procedures], 'READ', 'shared');
    expect({ allowed, id: decidedBy?.id }).toEqual({ allowed: true, id: 'procedures' });
    expect(reason).toBe(
      'role coder may READ in pool shared: allowed by statement procedures, for memories of which type is PROCEDURAL',
    );
    expect(trace).toMatchObject([{ outcome: 'UNKNOWN', because: 'depends on the memory: type is PROCEDURAL' }]);
  });

  it('ADMINISTER is of the organisation', () => {
    const narrow = statement({ actions: ['ADMINISTER'], pools: ['shared'] });
    const { allowed, trace } = explain(compile([narrow]), POOLS, {
      who: CODER,
      action: 'ADMINISTER',
      pool: null,
      row: null,
    });
    expect(allowed).toBe(false);
    expect(trace).toMatchObject([{ outcome: 'FALSE', because: 'ADMINISTER is given on * alone' }]);
  });
});
