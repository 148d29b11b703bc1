import type { Statement, Unit } from '#platform';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CompiledPolicy, SqlParams, type PolicyStatement, type ReadFilter } from '../policy/index.js';
import { AGENTS, POOLS, statement } from '../policy/testing.js';
import { PolicyLists } from './policy-lists.js';

const ORG = '00000000-0000-7000-8000-000000000009';
const names = (count: number, word = 'guest') => Array.from({ length: count }, (_, nth) => `${word}-${nth}`);
const filterOf = (...statements: PolicyStatement[]): ReadFilter =>
  new CompiledPolicy(1, statements, new Date())
    .forPrincipal({ id: AGENTS.coder, role: 'coder' }, POOLS)
    .readFilter('test');
const filterNaming = (count: number) =>
  filterOf(statement(), statement({ effect: 'DENY', where: { speaker: { in: names(count) } } }));
const whereOf = (filter: ReadFilter) => filter.where(new SqlParams(), 'm');

describe('the lists of a policy', () => {
  let inserted: unknown[][];
  let fails: boolean;
  let lists: PolicyLists;

  beforeEach(() => {
    [inserted, fails] = [[], false];
    const unit = {
      query: ({ values = [] }: Statement) => {
        inserted.push(values);
        return fails ? Promise.reject(new Error('the disk is full')) : Promise.resolve([]);
      },
    } as unknown as Unit;
    lists = new PolicyLists(ORG, (work) => work(unit));
  });

  it('are kept where they are long, once, and are not sent then', async () => {
    const filter = filterNaming(250);
    expect(whereOf(filter)).not.toContain('policy_list');
    await Promise.all([lists.keep(filter), lists.keep(filter)]);
    expect(inserted).toEqual([[ORG, expect.any(Buffer), expect.stringContaining('"guest-249":true')]]);
    const params = new SqlParams();
    expect(filter.narrow(filter.poolIds).where(params, 'm')).toContain('from policy_list');
    expect(JSON.stringify(params.values)).not.toContain('guest-249');
  });

  it('have one hash for the same values, whatever asks for them', async () => {
    await lists.keep(filterNaming(250));
    await lists.keep(filterOf(...names(250).map((name) => statement({ where: { entityId: { eq: name } } }))));
    await lists.keep(filterNaming(251));
    const [one, same, other] = inserted.map(([, hash]) => hash);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('are sent where they are short', async () => {
    const filter = filterNaming(20);
    await lists.keep(filter);
    expect(inserted).toEqual([]);
    expect(whereOf(filter)).not.toContain('policy_list');
  });

  it('are sent where they could not be kept, and tried again with the next unit', async () => {
    const filter = filterNaming(250);
    fails = true;
    await lists.keep(filter);
    expect(whereOf(filter)).not.toContain('policy_list');
    fails = false;
    await lists.keep(filter);
    expect(whereOf(filter)).toContain('from policy_list');
  });

  it('are no more than a bounded number, the longest first', async () => {
    const denies = Array.from({ length: 20 }, (_, nth) =>
      statement({
        effect: 'DENY',
        where: { speaker: { ne: `s-${nth}` }, entityId: { in: names(200 + nth, `e-${nth}`) } },
      }),
    );
    await lists.keep(filterOf(statement(), ...denies));
    expect(inserted).toHaveLength(16);
    expect(inserted[0]?.[2]).toContain('"e-19-218":true');
  });
});
