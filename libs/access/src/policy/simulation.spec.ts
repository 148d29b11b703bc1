import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { policies } from './arbitraries.js';
import { CompiledPolicy } from './compiled-policy.js';
import { RowTable } from './row-table.js';
import { affectedBy, simulatePool, type SimulatedCell } from './simulation.js';
import { SqlParams } from './sql-params.js';
import { type PolicyStatement } from './statement.js';
import { AGENTS, naivelyAllowed, NOW, POOLS, statement } from './testing.js';
import { ACTIONS, STRANGER, type Action, type MemoryRow, type PoolRef } from './vocabulary.js';

const SEED = Number(process.env.ROWS_SEED ?? Date.now() % 1_000_000);
const ROLES = ['coder', 'tester', 'planner'];
const OWNERS = new Map(
  POOLS.flatMap(({ id, ownerId }) =>
    ownerId ? [[id, { id: ownerId, role: ownerId === AGENTS.coder ? 'coder' : 'tester' }] as const] : [],
  ),
);
const compile = (statements: readonly PolicyStatement[]) => new CompiledPolicy(1, statements, NOW);

function simulate(before: readonly PolicyStatement[], after: readonly PolicyStatement[]): SimulatedCell[] {
  const versions = { before: compile(before), after: compile(after) };
  const affected = affectedBy(versions, ROLES);
  return POOLS.flatMap((pool) => simulatePool(versions, affected, pool, { pools: POOLS, owners: OWNERS }));
}

const OPEN = ['ACTIVE', 'SUPERSEDED', 'ARCHIVED'];
const HELD = ['PROPOSED', 'REJECTED', 'QUARANTINED'];
const isAbout = (action: Action, { status }: MemoryRow) =>
  action === 'READ'
    ? OPEN.includes(status)
    : action === 'REVIEW'
      ? HELD.includes(status)
      : action === 'REVISE'
        ? status === 'ACTIVE'
        : action !== 'ADMINISTER' && status !== 'FORGOTTEN';

describe(`a rehearsal counts (ROWS_SEED=${SEED})`, () => {
  let table: RowTable;
  beforeAll(async () => {
    table = await RowTable.make(80, SEED);
  });
  afterAll(() => table.close());

  /** Of each cell, the ids that it gains and loses. */
  async function counted({ counts, pool }: SimulatedCell) {
    if (!counts) return { gained: [], lost: [] };
    const params = new SqlParams();
    const columns = `${counts.gained(params, 'm')} as gained, ${counts.lost(params, 'm')} as lost`;
    const rows = await table.select(columns, `m.pool_id = '${pool.id}'`, params);
    const ids = (of: 'gained' | 'lost') => rows.filter((row) => row[of] === true).map((row) => row['id']);
    return { gained: ids('gained'), lost: ids('lost') };
  }

  /** By reading the statements one by one. */
  function expected(
    before: readonly PolicyStatement[],
    after: readonly PolicyStatement[],
    cell: Omit<SimulatedCell, 'counts'>,
  ) {
    const { pool, action, role, asOwner } = cell;
    const who = asOwner ? (OWNERS.get(pool.id) as { id: string; role: string }) : { id: STRANGER, role };
    const allowed = (statements: readonly PolicyStatement[], row: MemoryRow) =>
      naivelyAllowed(statements, who, action, row);
    const rows = table.rows.filter((row) => row.poolId === pool.id && isAbout(action, row));
    const only = (a: readonly PolicyStatement[], b: readonly PolicyStatement[]) =>
      rows.filter((row) => allowed(a, row) && !allowed(b, row)).map(({ id }) => id);
    return { gained: only(after, before), lost: only(before, after) };
  }

  it('what each role gains and loses, action by action, as one reads the statements one by one', async () => {
    await fc.assert(
      fc.asyncProperty(policies, policies, async (before, after) => {
        const cells = simulate(before, after);
        const told = new Map(
          cells.map((cell) => [`${cell.role} ${cell.pool.key} ${cell.action} ${cell.asOwner}`, cell]),
        );
        for (const pool of POOLS) {
          for (const { role, asOwner } of askedOf(pool)) {
            for (const action of ACTIONS) {
              const cell = told.get(`${role} ${pool.key} ${action} ${asOwner}`);
              const wanted = expected(before, after, { role, pool, action, asOwner, before: true, after: true });
              if (cell) expect(await counted(cell)).toEqual(wanted);
              // What is not told of stays as it is.
              else expect(wanted).toEqual({ gained: [], lost: [] });
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  const askedOf = (pool: PoolRef) => [
    ...ROLES.map((role) => ({ role, asOwner: false })),
    ...[OWNERS.get(pool.id)].flatMap((owner) => (owner ? [{ role: owner.role, asOwner: true }] : [])),
  ];
});

describe('a rehearsal tells', () => {
  const cell = ({ role, pool, action, asOwner, before, after }: SimulatedCell) =>
    `${role} ${action} ${pool.key}${asOwner ? ' as owner' : ''}: ${before} → ${after}`;

  it('nothing where nothing changes, whatever the order, the ids and the reasons', () => {
    const some = [
      statement({ actions: ['READ', 'WRITE'] }),
      statement({ effect: 'DENY', where: { type: { eq: 'EPISODIC' } } }),
    ];
    expect(simulate(some, some)).toEqual([]);
    expect(
      simulate(
        some,
        [...some].reverse().map((one, i) => ({ ...one, id: `new-${i}`, reason: 'another' })),
      ),
    ).toEqual([]);
  });

  it('nothing of what has expired', () => {
    expect(simulate([], [statement({ expiresAt: NOW })])).toEqual([]);
    expect(simulate([statement({ expiresAt: new Date(NOW.getTime() + 1) })], []).map(cell)).toEqual([
      'coder READ shared: true → false',
    ]);
  });

  it('each role that * stands for', () => {
    expect(simulate([], [statement({ roles: ['*'] })]).map(cell)).toEqual(
      ROLES.map((role) => `${role} READ shared: false → true`),
    );
  });

  it('what others of a role gain in a private pool apart from its owner', () => {
    const own = statement({ pools: ['own'] });
    const all = statement({ pools: ['kind:AGENT'] });
    expect(simulate([own], [own, all]).map(cell)).toEqual([
      'coder READ agent:coder: false → true',
      'coder READ agent:tester: false → true',
    ]);
    expect(simulate([], [own]).map(cell)).toEqual([
      'coder READ coder: false → true',
      'coder READ agent:coder as owner: false → true',
    ]);
  });

  it('a condition that was narrowed, though the action stays possible', () => {
    const narrowed = [statement({ id: 'a', where: { type: { eq: 'PROCEDURAL' } } })];
    expect(simulate([statement({ id: 'a' })], narrowed).map(cell)).toEqual(['coder READ shared: true → true']);
  });

  it('ADMINISTER for every pool, and counts no memory for it', () => {
    const cells = simulate([], [statement({ actions: ['ADMINISTER'], pools: ['*'] })]);
    expect(cells.map(({ pool, counts }) => [pool.key, counts])).toEqual(POOLS.map(({ key }) => [key, null]));
  });
});
