import { describe, expect, it } from '@jest/globals';
import { CompiledPolicy } from './compiled-policy.js';
import { systemFilter } from './read-filter.js';
import { SqlParams } from './sql-params.js';
import { type PolicyStatement } from './statement.js';
import { AGENTS, poolId, POOLS, statement } from './testing.js';

const filterOf = (...statements: PolicyStatement[]) =>
  new CompiledPolicy(7, statements, new Date())
    .forPrincipal({ id: AGENTS.coder, role: 'coder' }, POOLS)
    .readFilter('test');

describe('a read filter', () => {
  it('is false where nothing can be read', () => {
    expect(filterOf().where(new SqlParams(), 'm')).toBe('false');
    expect(filterOf(statement({ actions: ['WRITE'] })).poolIds).toEqual([]);
  });

  it('says what it is for, of which version, and which pools it reaches in order', () => {
    const filter = filterOf(statement({ pools: ['tester', 'shared'] }));
    expect(filter).toMatchObject({ purpose: 'test', policyVersion: 7, unrestricted: false });
    expect(filter.poolIds).toEqual([poolId('shared'), poolId('tester')]);
  });

  it('starts with the pools, and needs no more where they are all alike', () => {
    const params = new SqlParams();
    const filter = filterOf(statement({ pools: ['shared', 'own'] }), statement({ pools: ['planner'] }));
    expect(filter.where(params, 'm')).toBe(
      'm.pool_id = any($1::uuid[]) and ((m.status = any($2::text[]) and not m.was_held) or ' +
        '((m.status = any($3::text[]) or m.was_held) and m.author_id = $4::uuid))',
    );
    expect([params.values[0], params.values[3]]).toEqual([filter.poolIds, AGENTS.coder]);
  });

  it('puts pools of one residual together', () => {
    const where = { type: { eq: 'EPISODIC' } };
    const filter = filterOf(
      statement(),
      statement({ pools: ['tester'], where }),
      statement({ pools: ['planner'], where }),
    );
    const params = new SqlParams();
    const sql = filter.where(params, 'm');
    expect(sql).toMatch(/^m\.pool_id = any\(\$1::uuid\[\]\) and \(/);
    expect(params.values).toContainEqual([poolId('planner'), poolId('tester')]);
    expect(sql.match(/m\.type = /g)).toHaveLength(2);
  });

  it('reads a column as it is where nothing hides it', () => {
    const filter = filterOf(statement(), statement({ effect: 'DENY', fields: ['metadata'] }));
    expect(filter.masks()).toBe(true);
    expect(filter.column(new SqlParams(), 'm', 'content')).toBe('m.content');
    expect(filter.column(new SqlParams(), 'm', 'author')).toBe('m.author_id');
    expect(filter.column(new SqlParams(), 'm', 'metadata')).toBe('case when false then m.metadata end');
  });

  it('masks nothing where every statement that hides is outweighed', () => {
    expect(filterOf(statement({ fields: ['content'] }), statement()).masks()).toBe(false);
  });

  it('narrows to fewer pools, and never to more', () => {
    const filter = filterOf(statement({ pools: ['shared', 'tester'] })).narrow([poolId('tester'), poolId('planner')]);
    expect(filter.poolIds).toEqual([poolId('tester')]);
    expect(filter.narrow([poolId('shared')]).where(new SqlParams(), 'm')).toBe('false');
  });
});

describe('the system filter', () => {
  it('lets everything through, unmasked', () => {
    const filter = systemFilter('consolidation');
    expect(filter.where(new SqlParams(), 'm')).toBe('true');
    expect(filter.column(new SqlParams(), 'm', 'content')).toBe('m.content');
    expect([filter.unrestricted, filter.masks()]).toEqual([true, false]);
  });

  it('narrows to the pools it is given', () => {
    const params = new SqlParams();
    const filter = systemFilter('consolidation').narrow([poolId('shared'), poolId('coder')]);
    expect(filter.where(params, 'm')).toBe('m.pool_id = any($1::uuid[])');
    expect(filter.narrow([poolId('coder')]).poolIds).toEqual([poolId('coder')]);
    expect(filter.narrow([]).where(params, 'm')).toBe('false');
  });
});
