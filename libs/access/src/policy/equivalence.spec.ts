import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { conditions, policies, principals, some, statementOf } from './arbitraries.js';
import { MASKABLE_COLUMNS } from './catalogue.js';
import { CompiledPolicy } from './compiled-policy.js';
import { compileCondition, evaluate } from './condition.js';
import { conditionSql } from './condition-sql.js';
import { KnownRows } from './known-rows.js';
import { RowTable } from './row-table.js';
import { SqlParams } from './sql-params.js';
import { type PolicyStatement } from './statement.js';
import { AGENTS, naivelyAllowed, naivelyHidden, naivelySpeaks, NOW, POOLS } from './testing.js';
import { hashOf, noteKept } from './value-list.js';
import { ACTIONS, MASKABLE_FIELDS, OPEN_STATUSES, type MemoryRow, type PrincipalRef } from './vocabulary.js';

/** The decisions in the service and in Postgres, over random policies and one batch of random rows. fast-check prints the seed of a failure. */

const ROWS = 80;
const ROWS_SEED = Number(process.env.ROWS_SEED ?? Date.now() % 1_000_000);

/** What all properties here run together, each over all rows. More on demand: DECISIONS=1000000. */
const RUNS = 2_550;
const times = Math.max(1, Number(process.env.DECISIONS ?? 0) / (RUNS * ROWS));
const runs = (usual: number) => Math.ceil(usual * times);
jest.setTimeout(60_000 * times);

const isOpen = ({ status, wasHeld }: MemoryRow) => !wasHeld && (OPEN_STATUSES as readonly string[]).includes(status);

const accessOf = (statements: readonly PolicyStatement[], principal: PrincipalRef) =>
  new CompiledPolicy(1, statements, NOW).forPrincipal(principal, POOLS);

describe(`the service and Postgres decide alike (ROWS_SEED=${ROWS_SEED})`, () => {
  let table: RowTable;
  let rows: readonly MemoryRow[];

  beforeAll(async () => {
    table = await RowTable.make(ROWS, ROWS_SEED);
    rows = table.rows;
    expect(rows).toHaveLength(ROWS);
  });

  afterAll(() => table.close());

  const select = (...query: Parameters<RowTable['select']>) => table.select(...query);
  const isPartOf = (part: string[], whole: string[]) => {
    const all = new Set(whole);
    expect(part.filter((item) => !all.has(item))).toEqual([]);
  };

  it('on every condition: TRUE, FALSE and UNKNOWN', async () => {
    await fc.assert(
      fc.asyncProperty(conditions, fc.boolean(), async (where, kept) => {
        const condition = compileCondition(where);
        if (kept) await table.keep(condition.tests.filter(({ members }) => members));
        const params = new SqlParams();
        const found = await select(`${conditionSql(condition, params, 'm')} as truth`, 'true', params);
        const inSql = found.map(({ truth }) => (truth === null ? 'UNKNOWN' : truth ? 'TRUE' : 'FALSE'));
        expect(rows.map((row) => evaluate(condition, row))).toEqual(inSql);
      }),
      { numRuns: runs(300) },
    );
  });

  it('and where a list is gone that was kept, nothing can be told: neither an allow nor a deny lets a row through', async () => {
    for (const operator of ['in', 'nin']) {
      const values = Array.from({ length: 12 }, (_, nth) => `of a list that is gone ${nth}`);
      const condition = compileCondition({ entityId: { [operator]: values } });
      for (const test of condition.tests) noteKept(test, { orgId: AGENTS.admin, hash: hashOf(test) });
      const params = new SqlParams();
      const found = await select('1', `(${conditionSql(condition, params, 'm')}) is not null`, params);
      expect(found).toEqual([]);
    }
  });

  it('on the rows that a principal sees', async () => {
    await fc.assert(
      fc.asyncProperty(policies, principals, fc.boolean(), async (statements, principal, kept) => {
        const access = accessOf(statements, principal);
        const filter = access.readFilter('test');
        if (kept) await table.keep(filter.longLists());
        const params = new SqlParams();
        const found = await select('1', filter.where(params, 'm'), params);
        const seen = new Set(found.map(({ id }) => id));
        expect([...seen]).toEqual(rows.filter((row) => access.canSee(row)).map(({ id }) => id));
        const open = rows.filter(isOpen);
        expect(open.filter((row) => filter.opens(row))).toEqual(open.filter(({ id }) => seen.has(id)));
      }),
      { numRuns: runs(400) },
    );
  });

  it('on the fields that are shown of them', async () => {
    await fc.assert(
      fc.asyncProperty(policies, principals, fc.boolean(), fc.boolean(), async (statements, principal, kept, open) => {
        const access = accessOf(statements, principal);
        const whole = access.readFilter('test');
        const filter = open ? whole.openRows() : whole;
        if (kept) await table.keep(filter.longLists());
        const params = new SqlParams();
        const columns = MASKABLE_FIELDS.map(
          (field) =>
            `${filter.column(params, 'm', field)} as "${field}", m.${MASKABLE_COLUMNS[field]} as "raw ${field}"`,
        );
        const masked = `${filter.maskedFields(params, 'm')} as masked`;
        const found = await select([...columns, masked].join(', '), filter.where(params, 'm'), params);
        const byId = new Map(rows.map((row) => [row.id, row]));
        for (const row of found) {
          const stored = byId.get(row.id as string) as MemoryRow;
          const shown = access.visibleFields(stored);
          const hidden = MASKABLE_FIELDS.filter((field) => !shown.has(field));
          const fields = MASKABLE_FIELDS.map((field) => row[field]);
          expect(fields).toEqual(MASKABLE_FIELDS.map((field) => (shown.has(field) ? row[`raw ${field}`] : null)));
          expect(row.masked).toEqual(hidden);
          expect(filter.masks() || hidden.length === 0).toBe(true);
          if (!isOpen(stored)) continue;
          expect(MASKABLE_FIELDS.filter((field) => !filter.opensField(stored, field))).toEqual(hidden);
          expect(filter.openKey(stored.poolId) !== null || hidden.length === 0).toBe(true);
        }
      }),
      { numRuns: runs(400) },
    );
  });

  it('on fewer pools, when a filter is narrowed, and on open rows alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        policies,
        principals,
        some(POOLS, 0),
        fc.boolean(),
        async (statements, principal, pools, open) => {
          const access = accessOf(statements, principal);
          const ids = pools.map(({ id }) => id);
          const narrowed = access.readFilter('test').narrow(ids);
          const filter = open ? narrowed.openRows() : narrowed;
          const params = new SqlParams();
          const found = await select('1', filter.where(params, 'm'), params);
          const meant = open ? rows.filter(isOpen) : rows;
          const seen = meant.filter((row) => ids.includes(row.poolId) && access.canSee(row));
          expect(found.map(({ id }) => id)).toEqual(seen.map(({ id }) => id));
        },
      ),
      { numRuns: runs(200) },
    );
  });

  it('on rows that are known, and never more on others, where of long lists only what the known ones hold is named', async () => {
    await fc.assert(
      fc.asyncProperty(
        policies,
        principals,
        fc.nat(ROWS - 1),
        fc.constantFrom(1, 4, ROWS),
        fc.boolean(),
        fc.boolean(),
        async (statements, principal, from, count, open, narrow) => {
          const access = accessOf(statements, principal);
          const known = rows.slice(from, from + count);
          const pools = (narrow ? known : rows).map(({ poolId }) => poolId);
          const whole = access.readFilter('test').narrow(pools);
          const filter = open ? whole.openRows() : whole;
          const params = new SqlParams(new KnownRows(known));
          const columns = MASKABLE_FIELDS.map((field) => `${filter.column(params, 'm', field)} as "${field}"`);
          const masked = `${filter.maskedFields(params, 'm')} as masked`;
          const found = await select([...columns, masked].join(', '), filter.where(params, 'm'), params);
          const meant = open ? rows.filter(isOpen) : rows;
          const seen = meant.filter((row) => pools.includes(row.poolId) && access.canSee(row));
          isPartOf(
            found.map(({ id }) => id as string),
            seen.map(({ id }) => id),
          );
          isPartOf(
            seen.filter((row) => known.includes(row)).map(({ id }) => id),
            found.map(({ id }) => id as string),
          );
          for (const row of found) {
            const shown = access.visibleFields(rows.find(({ id }) => id === row.id) as MemoryRow);
            expect(row.masked).toEqual(MASKABLE_FIELDS.filter((field) => !shown.has(field)));
            expect(MASKABLE_FIELDS.filter((field) => !shown.has(field) && row[field] !== null)).toEqual([]);
          }
        },
      ),
      { numRuns: runs(400) },
    );
  });

  it('and as one reads the statements one by one', () => {
    fc.assert(
      fc.property(policies, principals, (statements, principal) => {
        const access = accessOf(statements, principal);
        const pools = new Set(access.readFilter('test').poolIds);
        const each = rows.flatMap((row) => ACTIONS.map((action) => ({ row, action })));
        const allowed = each.filter(({ row, action }) => access.can(action, row));
        expect(allowed).toEqual(each.filter(({ row, action }) => naivelyAllowed(statements, principal, action, row)));
        expect(allowed).toEqual(each.filter(({ row, action }) => access.decide(action, row).allowed));
        expect(allowed.every(({ row, action }) => access.canSomewhere(action, row.poolId))).toBe(true);
        expect(rows.every((row) => !access.canSee(row) || pools.has(row.poolId))).toBe(true);
        const shown = rows.flatMap((row) => [...access.visibleFields(row)].map((field) => ({ row, field })));
        expect(shown.filter(({ row, field }) => naivelyHidden(statements, principal, field, row))).toEqual([]);
      }),
      { numRuns: runs(150) },
    );
  });

  it('and name a statement that applies, of several the earliest', () => {
    fc.assert(
      fc.property(policies, principals, fc.constantFrom(...ACTIONS), (statements, principal, action) => {
        const access = accessOf(statements, principal);
        for (const row of rows) {
          const { allowed, statement } = access.decide(action, row);
          if (!statement) continue;
          const whole = ({ effect, fields }: PolicyStatement) => effect === 'ALLOW' || action !== 'READ' || !fields;
          const speaking = statements.filter((one) => whole(one) && naivelySpeaks(one, principal, action, row));
          expect(statement).toBe(speaking.find(({ effect }) => effect === (allowed ? 'ALLOW' : 'DENY')));
        }
      }),
      { numRuns: runs(100) },
    );
  });

  /** Rows that are seen, actions that are allowed on each, fields that are shown of each. */
  const everything = (statements: readonly PolicyStatement[], principal: PrincipalRef, of = rows): string[] => {
    const access = accessOf(statements, principal);
    return of.flatMap((row) => [
      ...ACTIONS.filter((action) => access.can(action, row)).map((action) => `${row.id} ${action}`),
      ...[...access.visibleFields(row)].map((field) => `${row.id} ${field}`),
      ...(access.canSee(row) ? [`${row.id} seen`] : []),
    ]);
  };
  it('never more by one deny, never less by one allow', () => {
    const deny = statementOf('DENY');
    const allow = statementOf('ALLOW');
    fc.assert(
      fc.property(policies, deny, allow, fc.nat(8), principals, (statements, denied, allowed, place, principal) => {
        const before = everything(statements, principal);
        isPartOf(everything(statements.toSpliced(place, 0, denied), principal), before);
        isPartOf(before, everything(statements.toSpliced(place, 0, allowed), principal));
      }),
      { numRuns: runs(150) },
    );
  });

  it('whatever the order of statements', () => {
    const shuffled = policies.chain((statements) =>
      fc.tuple(fc.constant(statements), fc.shuffledSubarray(statements, { minLength: statements.length })),
    );
    fc.assert(
      fc.property(shuffled, principals, ([statements, others], principal) => {
        expect(everything(others, principal)).toEqual(everything(statements, principal));
      }),
      { numRuns: runs(150) },
    );
  });

  it.each(['entityId', 'sessionId', 'speaker', 'authorId', 'validFrom'] as const)(
    'and a null %s never widens',
    (attribute) => {
      fc.assert(
        fc.property(policies, principals, (statements, principal) => {
          const without = rows.map((row) => ({ ...row, [attribute]: null }));
          isPartOf(everything(statements, principal, without), everything(statements, principal));
        }),
        { numRuns: runs(60) },
      );
    },
  );
});
