import { newId } from '#kernel';
import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { policies, principals, rowValues } from '../libs/access/src/policy/arbitraries.js';
import { CompiledPolicy } from '../libs/access/src/policy/compiled-policy.js';
import type { Test } from '../libs/access/src/policy/condition.js';
import { residualPredicate } from '../libs/access/src/policy/residual.js';
import { render } from '../libs/access/src/policy/sql-logic.js';
import { SqlParams } from '../libs/access/src/policy/sql-params.js';
import type { PolicyStatement } from '../libs/access/src/policy/statement.js';
import { AGENTS, NOW, POOLS } from '../libs/access/src/policy/testing.js';
import { hashOf, noteKept, valuesAsKeys } from '../libs/access/src/policy/value-list.js';
import { ACTIONS, IMPORTANCES, type MemoryRow, type PrincipalRef } from '../libs/access/src/policy/vocabulary.js';
import { openTestDatabase } from './support/database.js';
import { newTenant, unitOf, type Tenant } from './support/tenants.js';

const ROWS = 80;
const SEED = Number(process.env['ROWS_SEED'] ?? Date.now() % 1_000_000);
/** A decision is one principal, action and memory, decided in the process and by Postgres. On demand: DECISIONS=1000000. */
const DECISIONS = Number(process.env['DECISIONS'] ?? 64_000);
const numRuns = Math.ceil(DECISIONS / (2 * ROWS));

let database: Database;
let tenant: Tenant;
let rows: MemoryRow[];

const run = (text: string, values: unknown[]) => database.maintenance<Record<string, unknown>>(text, values);

beforeAll(async () => {
  database = await openTestDatabase();
  tenant = await newTenant(database);
  const { org } = tenant;
  for (const role of ['reviewer']) await run('insert into role (org_id, key) values ($1, $2)', [org, role]);
  for (const [role, id] of Object.entries(AGENTS))
    await run(`insert into principal (org_id, principal_id, kind, name, role_key) values ($1, $2, 'AGENT', $3, $3)`, [
      org,
      id,
      role,
    ]);
  for (const { id, key, kind, role, ownerId } of POOLS)
    await run(
      `insert into pool (org_id, pool_id, key, kind, role_key, owner_id) values ($1, $2, 'p-' || $3, $4, $5, $6)`,
      [org, id, key, kind, role, ownerId],
    );
  for (const value of fc.sample(rowValues, { numRuns: ROWS, seed: SEED })) await insert(org, value);
  rows = (
    await run(
      `select memory_id as id, pool_id as "poolId", type, status, was_held as "wasHeld", entity_id as "entityId", session_id as "sessionId",
        speaker, author_id as "authorId", author_role as "authorRole", importance as place, labels, created_at as "createdAt", valid_from as "validFrom"
       from memory where org_id = $1 and pool_id = any($2::uuid[]) order by 1`,
      [org, POOLS.map(({ id }) => id)],
    )
  ).rows.map(
    ({ place, ...row }) => ({ ...row, importance: IMPORTANCES[(place as number) - 1] }) as unknown as MemoryRow,
  );
  expect(rows).toHaveLength(ROWS);
}, 120_000);
afterAll(() => database.close());

type Value = typeof rowValues extends fc.Arbitrary<infer Row> ? Row : never;

async function insert(org: string, value: Value): Promise<void> {
  const isGone = value.status === 'FORGOTTEN';
  await run(
    `insert into memory (org_id, memory_id, pool_id, type, status, was_held, content, content_hash, terms, term_count, entity_id, session_id,
       speaker, author_id, changed_by, importance, labels, created_at, updated_at, valid_from, author_role)
     values ($1, $2::uuid, $3, $4, $5, $6, $7, uuid_send($2::uuid), '', 0, $8, $9, $10, $11, $11, $12, $13, $14, now(), $15, $16)`,
    [
      org,
      newId(),
      value.pool_id,
      value.type,
      value.status,
      isGone && value.importance === 1,
      isGone ? null : 'content',
      value.entity_id,
      value.session_id,
      value.speaker,
      value.author_id ?? AGENTS.admin,
      value.importance,
      value.labels,
      value.created_at,
      value.valid_from,
      value.author_role,
    ],
  );
}

const accessOf = (statements: readonly PolicyStatement[], principal: PrincipalRef) =>
  new CompiledPolicy(1, statements, NOW).forPrincipal(principal, POOLS);

/** Lists that would be sent with a statement are looked up then, behind the walls. */
async function keep(tests: readonly Test[]): Promise<void> {
  const orgId = tenant.org;
  for (const test of tests) {
    const hash = hashOf(test);
    const text = `insert into policy_list values ($1, $2, $3::jsonb) on conflict do nothing`;
    await run(text, [orgId, hash, valuesAsKeys(test)]);
    noteKept(test, { orgId, hash });
  }
}

/** The ids that a caller of these pools finds, as the broker asks: as its role, opened and behind the fence. */
function found(principal: PrincipalRef, pools: readonly string[], where: string, params = new SqlParams()) {
  const text = `select m.memory_id as id from memory m where ${where} order by 1`;
  return unitOf(database, tenant, { principal: principal.id, key: null, pools: [...pools] }, async (unit) =>
    (await unit.query<{ id: string }>({ text, values: params.values })).map(({ id }) => id),
  );
}

describe(`under forced row-level security (ROWS_SEED=${SEED}, ${numRuns} cases, ${DECISIONS} decisions)`, () => {
  it('Postgres shows what the process says is seen, and never more than the walls alone', async () => {
    await fc.assert(
      fc.asyncProperty(policies, principals, fc.boolean(), async (statements, principal, kept) => {
        const access = accessOf(statements, principal);
        const filter = access.readFilter('test');
        if (kept) await keep(filter.longLists());
        const params = new SqlParams();
        const shown = await found(principal, filter.poolIds, filter.where(params, 'm'), params);
        expect(shown).toEqual(rows.filter((row) => access.canSee(row)).map(({ id }) => id));
        const behindTheWalls = new Set(await found(principal, filter.poolIds, 'true'));
        expect(shown.filter((id) => !behindTheWalls.has(id))).toEqual([]);
      }),
      { numRuns },
    );
  }, 3_600_000);

  it('and decides on every action as the process does', async () => {
    await fc.assert(
      fc.asyncProperty(policies, principals, fc.constantFrom(...ACTIONS), async (statements, principal, action) => {
        const access = accessOf(statements, principal);
        const params = new SqlParams();
        const where = POOLS.map(({ id }) => {
          const allowed = render(residualPredicate(access.residualIn(action, id)), params, 'm');
          return `(m.pool_id = ${params.add(id, 'uuid')} and (${allowed}))`;
        });
        const all = POOLS.map(({ id }) => id);
        const allowed = await found(principal, all, where.join(' or '), params);
        expect(allowed).toEqual(rows.filter((row) => access.can(action, row)).map(({ id }) => id));
      }),
      { numRuns },
    );
  }, 3_600_000);
});
