import { describe, expect, it } from '@jest/globals';
import { CompiledPolicy } from './compiled-policy.js';
import { AGENTS, memoryRow, NOW, poolId, POOLS, statement } from './testing.js';
import { type PolicyStatement } from './statement.js';

const coder = { id: AGENTS.coder, role: 'coder' };
const accessOf = (statements: PolicyStatement[], principal = coder) =>
  new CompiledPolicy(1, statements, NOW).forPrincipal(principal, POOLS);

describe('a decision', () => {
  it('is no, where nothing was said', () => {
    const access = accessOf([]);
    expect(access.decide('WRITE', memoryRow())).toEqual({
      allowed: false,
      statement: null,
      reason: 'role coder may not WRITE in pool shared: no statement allows it',
    });
  });

  it('names the statement that allowed', () => {
    const allow = statement({ id: 'open', actions: ['WRITE'], pools: ['kind:SHARED'] });
    const decision = accessOf([statement({ actions: ['WRITE'], pools: ['coder'] }), allow]).decide(
      'WRITE',
      memoryRow(),
    );
    expect(decision).toMatchObject({ allowed: true, statement: { id: 'open' } });
  });

  it('is no where a deny applies, wherever it stands, and names it with its reason', () => {
    const deny = statement({ id: 'freeze', effect: 'DENY', roles: ['*'], pools: ['*'], reason: 'The audit is on.' });
    for (const statements of [
      [deny, statement()],
      [statement(), deny],
    ]) {
      const decision = accessOf(statements).decide('READ', memoryRow());
      expect(decision).toMatchObject({ allowed: false, statement: { id: 'freeze' } });
      expect(decision.reason).toBe(
        'role coder may not READ in pool shared: denied by statement freeze: The audit is on.',
      );
    }
  });

  it('is no for another role, another action and another pool', () => {
    const access = accessOf([statement()]);
    expect(access.can('READ', memoryRow())).toBe(true);
    expect(access.can('WRITE', memoryRow())).toBe(false);
    expect(access.can('READ', memoryRow({ pool: 'coder' }))).toBe(false);
    expect(accessOf([statement()], { ...coder, role: 'tester' }).can('READ', memoryRow())).toBe(false);
  });

  it('is no in a pool that the directory does not hold', () => {
    const row = { ...memoryRow(), poolId: AGENTS.coder };
    expect(accessOf([statement({ pools: ['*'] })]).can('READ', row)).toBe(false);
  });

  it('takes nothing from a row that poses as something else', () => {
    const posing = { ...memoryRow({ pool: 'coder' }), __caslSubjectType__: 'all', kind: 'all', inverted: true };
    expect(accessOf([statement()]).can('READ', posing)).toBe(false);
  });

  it('knows no action that means them all', () => {
    const access = accessOf([statement({ actions: ['READ'], pools: ['*'] })]);
    expect(access.can('manage' as never, memoryRow())).toBe(false);
  });

  it('lets a deny apply where its condition is UNKNOWN, and an allow only where it is TRUE', () => {
    const where = { speaker: { eq: 'Ann' } };
    const unknown = memoryRow({ speaker: null });
    expect(accessOf([statement({ where })]).can('READ', unknown)).toBe(false);
    expect(accessOf([statement(), statement({ effect: 'DENY', where })]).can('READ', unknown)).toBe(false);
    expect(
      accessOf([statement(), statement({ effect: 'DENY', where })]).can('READ', memoryRow({ speaker: 'Bo' })),
    ).toBe(true);
  });
});

describe('own', () => {
  const own = statement({ roles: ['*'], actions: ['READ'], pools: ['own'] });

  it('is the pool of the role and the AGENT pool of the principal, and nobody else’s', () => {
    const access = accessOf([own]);
    const readable = POOLS.filter(({ key }) => access.can('READ', memoryRow({ pool: key }))).map(({ key }) => key);
    expect(readable).toEqual(['coder', 'agent:coder']);
  });

  it('does not leak from one principal of a role to the next', () => {
    const policy = new CompiledPolicy(1, [own], NOW);
    const first = policy.forPrincipal(coder, POOLS);
    const second = policy.forPrincipal({ id: AGENTS.reviewer, role: 'coder' }, POOLS);
    const row = memoryRow({ pool: 'agent:coder' });
    expect([first.can('READ', row), second.can('READ', row)]).toEqual([true, false]);
    expect(first.readFilter('t').poolIds).toContain(row.poolId);
    expect(second.readFilter('t').poolIds).not.toContain(row.poolId);
    expect([first, second].map((access) => access.canSomewhere('READ', row.poolId))).toEqual([true, false]);
  });
});

describe('expiry', () => {
  const at = (expiresAt: string) => statement({ expiresAt: new Date(expiresAt) });

  it('leaves out what has expired by the database’s clock', () => {
    expect(accessOf([at('2026-01-01T00:00:00Z')]).can('READ', memoryRow())).toBe(false);
    expect(accessOf([at('2026-01-01T00:00:00.001Z')]).can('READ', memoryRow())).toBe(true);
  });

  it('is valid until the next statement expires', () => {
    const statements = [at('2026-03-01'), at('2026-02-01'), at('2025-01-01'), statement()];
    expect(new CompiledPolicy(1, statements, NOW).validUntil).toEqual(new Date('2026-02-01'));
    expect(new CompiledPolicy(1, [statement(), at('2025-01-01')], NOW).validUntil).toBeNull();
  });
});

describe('canSomewhere', () => {
  const type = (value: string) => ({ type: { eq: value } });

  it('is yes where a condition could come true', () => {
    expect(accessOf([statement({ where: type('EPISODIC') })]).canSomewhere('READ', poolId('shared'))).toBe(true);
    const partly = [statement(), statement({ effect: 'DENY', where: type('EPISODIC') })];
    expect(accessOf(partly).canSomewhere('READ', poolId('shared'))).toBe(true);
  });

  it('is no where a deny leaves nothing', () => {
    const where = { ...type('EPISODIC'), speaker: { eq: 'Ann' } };
    expect(accessOf([statement(), statement({ effect: 'DENY' })]).canSomewhere('READ', poolId('shared'))).toBe(false);
    const narrower = [statement({ where }), statement({ effect: 'DENY', where: type('EPISODIC') })];
    expect(accessOf(narrower).canSomewhere('READ', poolId('shared'))).toBe(false);
  });

  it('is yes where a deny hides fields only', () => {
    const hides = statement({ effect: 'DENY', fields: ['content'] });
    expect(accessOf([statement(), hides]).canSomewhere('READ', poolId('shared'))).toBe(true);
  });
});

describe('ADMINISTER', () => {
  const administer = (rest = {}) => statement({ actions: ['ADMINISTER'], pools: ['*'], ...rest });

  it('is about the organisation: an ALLOW on some pools does not give it', () => {
    expect(accessOf([administer()]).may('ADMINISTER')).toBe(true);
    const narrow = accessOf([administer({ pools: ['shared', 'kind:ROLE'] })]);
    expect(narrow.may('ADMINISTER')).toBe(false);
    expect(narrow.canSomewhere('ADMINISTER', poolId('shared'))).toBe(false);
  });

  it('is taken away by a DENY on any pool, and everywhere', () => {
    const access = accessOf([administer(), administer({ effect: 'DENY', pools: ['tester'] })]);
    expect(access.may('ADMINISTER')).toBe(false);
    expect(POOLS.some(({ id }) => access.canSomewhere('ADMINISTER', id))).toBe(false);
  });

  it('does not include READ', () => {
    expect(accessOf([administer()]).can('READ', memoryRow())).toBe(false);
  });
});

describe('a held memory', () => {
  const mine = memoryRow({ status: 'PROPOSED', authorId: AGENTS.coder });
  const theirs = memoryRow({ status: 'QUARANTINED', authorId: AGENTS.tester });

  it('is seen by its author who may PROPOSE or READ there', () => {
    for (const action of ['PROPOSE', 'READ'] as const) {
      const access = accessOf([statement({ actions: [action] })]);
      expect([access.canSee(mine), access.canSee(theirs)]).toEqual([true, false]);
    }
  });

  it('is not seen by its author who lost both', () => {
    expect(accessOf([statement({ actions: ['WRITE'] })]).canSee(mine)).toBe(false);
  });

  it('is seen by whoever may REVIEW, who sees nothing else by that', () => {
    const access = accessOf([statement({ actions: ['REVIEW'] })]);
    expect([access.canSee(mine), access.canSee(theirs), access.canSee(memoryRow())]).toEqual([true, true, false]);
  });
});

describe('fields', () => {
  const fieldsOf = (statements: PolicyStatement[], row = memoryRow()) => [...accessOf(statements).visibleFields(row)];

  it('are all shown where no statement lists any', () => {
    expect(fieldsOf([statement()])).toHaveLength(7);
  });

  it('are those that the allows show together', () => {
    expect(fieldsOf([statement({ fields: ['content'] }), statement({ fields: ['labels'] })])).toEqual([
      'content',
      'labels',
    ]);
    expect(fieldsOf([statement({ fields: ['content'] }), statement()])).toHaveLength(7);
  });

  it('open the row', () => {
    expect(accessOf([statement({ fields: ['labels'] })]).canSee(memoryRow())).toBe(true);
  });

  it('are hidden by a deny that leaves the row', () => {
    const statements = [statement(), statement({ effect: 'DENY', fields: ['content', 'metadata'] })];
    expect(accessOf(statements).canSee(memoryRow())).toBe(true);
    expect(fieldsOf(statements)).toEqual(['labels', 'author', 'entityId', 'sessionId', 'speaker']);
  });

  it('are about READ only: another action of the same deny is denied whole', () => {
    const actions = ['READ', 'REVISE'] as const;
    const access = accessOf([statement({ actions }), statement({ effect: 'DENY', actions, fields: ['content'] })]);
    expect([access.can('READ', memoryRow()), access.can('REVISE', memoryRow())]).toEqual([true, false]);
  });

  it('come from the allows that are TRUE on the row', () => {
    const secret = statement({ where: { labels: { contains: 'public' } } });
    const statements = [statement({ fields: ['labels'] }), secret];
    expect(fieldsOf(statements)).toEqual(['labels']);
    expect(fieldsOf(statements, memoryRow({ labels: ['public'] }))).toHaveLength(7);
  });

  it('are none where the row is not seen', () => {
    expect(fieldsOf([statement({ actions: ['WRITE'] })])).toEqual([]);
  });

  it('of a held memory are whole for author and reviewer, save what a deny hides', () => {
    const row = memoryRow({ status: 'PROPOSED', authorId: AGENTS.coder });
    expect(fieldsOf([statement({ fields: ['labels'] })], row)).toHaveLength(7);
    const denied = [statement({ actions: ['REVIEW'] }), statement({ effect: 'DENY', fields: ['content'] })];
    expect(fieldsOf(denied, row)).toHaveLength(6);
    const unread = [...denied, statement({ effect: 'DENY', id: 'row' })];
    expect(fieldsOf(unread, row)).toHaveLength(6);
  });
});
