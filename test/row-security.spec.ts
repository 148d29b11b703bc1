import type { Database, Statement } from '#platform';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openTestDatabase } from './support/database.js';
import { newTenant, unitOf, type Opening, type Tenant } from './support/tenants.js';

const DENIED = '42501';
const STALE = 'AB001';
const ALL_TABLES = [
  'organization',
  'role',
  'principal',
  'api_key',
  'pool',
  'policy',
  'policy_head',
  'memory',
  'memory_revision',
  'memory_source',
  'memory_event',
  'idempotency',
  'embedding_space',
  'memory_vector',
  'audit_entry',
  'webhook',
  'webhook_dead_letter',
] as const;
/** Of these tables the service’s own tasks may only read. */
const READ_ONLY = ['audit_entry', 'audit_head'];

let database: Database;
let ours: Tenant;
/** Another organisation, with the same roles, pools and versions. */
let theirs: Tenant;

beforeAll(async () => {
  database = await openTestDatabase();
  ours = await newTenant(database);
  theirs = await newTenant(database);
});
afterAll(() => database.close());

const ask = async (text: string, values: unknown[] = []) => (await database.maintenance(text, values)).rows;
const run = (text: string, values: unknown[] = [], changes: Partial<Opening> = {}) =>
  unitOf(database, ours, changes, (unit) => unit.query<Record<string, unknown>>({ text, values }));
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'OK',
    (error: { code?: unknown }) => error.code,
  );
const visiblePools = async (changes: Partial<Opening> = {}) => {
  const rows = await run('select pool_id from memory', [], changes);
  const names = Object.entries(ours.pools).concat(
    Object.entries(theirs.pools).map(([name, id]) => [`their ${name}`, id]),
  );
  return rows.map((row) => names.find(([, id]) => id === row['pool_id'])?.[0]).sort();
};

describe('a caller', () => {
  it('sees the memories of its pools, and what belongs to them, alone', async () => {
    expect(await visiblePools()).toEqual(['coder', 'shared']);
    const mine = [ours.memories['coder'], ours.memories['shared']].sort();
    for (const table of ['memory', 'memory_revision', 'memory_source', 'memory_event', 'memory_vector']) {
      const rows = await run(`select memory_id as id from ${table} order by 1`);
      expect({ table, ids: rows.map((row) => row['id']) }).toEqual({ table, ids: mine });
    }
    const candidates = await run(
      `select memory_id as id from sec.lexical_candidates($1::uuid[], '{ACTIVE}', '{word}', now(), null, 100) order by 1`,
      [[...Object.values(ours.pools), ...Object.values(theirs.pools)]],
    );
    expect(candidates.map((row) => row['id'])).toEqual(mine);
  });

  it('sees nothing of another organisation, in no table, whatever pools it names', async () => {
    const pools = [...Object.values(ours.pools), ...Object.values(theirs.pools)];
    for (const table of ALL_TABLES) {
      const rows = await run(`select from ${table} where org_id = $1`, [theirs.org], { pools, administer: true });
      expect({ table, rows: rows.length }).toEqual({ table, rows: 0 });
    }
    expect((await visiblePools({ pools })).filter((name) => name?.startsWith('their'))).toEqual([]);
  });

  it('sees no memory with an empty list of pools', async () => {
    expect(await visiblePools({ pools: [] })).toEqual([]);
  });

  it('cannot write into another pool, nor move a memory there', async () => {
    const copy = (pool: string, org = ours.org) =>
      run(
        `insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance, author_id, changed_by,
          created_at, updated_at) values ($1, gen_random_uuid(), $2, 'EPISODIC', 'ACTIVE', 'new', 'new', '', 0, 2, $3, $3, now(), now())`,
        [org, pool, ours.coder],
      );
    expect(await codeOf(copy(ours.pools['planner'] as string))).toBe(DENIED);
    expect(await codeOf(copy(theirs.pools['coder'] as string, theirs.org))).toBe(DENIED);
    expect(
      await codeOf(
        run('update memory set pool_id = $2 where memory_id = $1', [ours.memories['coder'], ours.pools['planner']]),
      ),
    ).toBe(DENIED);
    expect(
      await codeOf(run('update memory set org_id = $2 where memory_id = $1', [ours.memories['coder'], theirs.org])),
    ).toBe(DENIED);
    expect(await codeOf(copy(ours.pools['coder'] as string))).toBe('OK');
    await ask(`delete from memory where content = 'new'`);
  });

  it('changes no row of another pool', async () => {
    const planners = ours.memories['planner'];
    expect(
      await run(`update memory set content = 'changed' where memory_id = $1 returning 1 as n`, [planners]),
    ).toEqual([]);
    expect(await run('update pool set seq = 99 where pool_id = $1 returning 1 as n', [ours.pools['planner']])).toEqual(
      [],
    );
    for (const table of ['memory_vector', 'memory_revision']) {
      expect(await run(`delete from ${table} where memory_id = $1 returning 1 as n`, [planners])).toEqual([]);
    }
    expect(
      await codeOf(
        run(`insert into memory_revision values ($1, $2, 9, 'forged', $3, now(), null)`, [
          ours.org,
          planners,
          ours.coder,
        ]),
      ),
    ).toBe(DENIED);
    expect(
      await codeOf(run('insert into memory_source values ($1, $2, $3)', [ours.org, planners, ours.memories['coder']])),
    ).toBe(DENIED);
    const event = run(`insert into memory_event values ($1, $2, 2, $3, 'MEMORIZED', now(), 1)`, [
      ours.org,
      ours.pools['planner'],
      planners,
    ]);
    expect(await codeOf(event)).toBe(DENIED);
  });

  it.each([
    `update memory_event set kind = 'FORGOTTEN'`,
    'delete from memory_event',
    'truncate memory_event',
    'delete from memory',
    `update audit_entry set action = 'nothing'`,
    'delete from audit_entry',
    'insert into audit_entry select * from audit_entry',
    'select from audit_head',
    'update audit_head set seq = 0',
    `update policy set statements = '[]'`,
    'delete from policy',
    `update principal set role_key = 'admin'`,
    `update api_key set expires_at = null`,
    `update api_key set hash = sha256('y')`,
    `update pool set kind = 'SHARED'`,
    'delete from pool',
    `update organization set name = 'mine'`,
    'insert into embedding_space select * from embedding_space',
    'alter table memory disable row level security',
    'alter table memory no force row level security',
    'drop policy app_select on memory',
    'create table public.mine (id integer)',
    'create function sec.mine() returns integer language sql as $$ select 1 $$',
    'create or replace function sec.fence() returns boolean language sql as $$ select true $$',
    'grant commonplace_system to commonplace_app',
  ])('may not, even as an administrator: %s', async (text) => {
    expect(await codeOf(run(text, [], { administer: true }))).toBe(DENIED);
  });

  it('that does not administer reads no key and changes nothing of the directory', async () => {
    expect(await run('select from api_key')).toEqual([]);
    expect(await run('update api_key set revoked_at = now() returning 1 as n')).toEqual([]);
    expect(await run('update policy_head set version = version returning 1 as n')).toEqual([]);
    expect(await codeOf(run(`insert into role (org_id, key) values ($1, 'new')`, [ours.org]))).toBe(DENIED);
    expect(
      await codeOf(
        run(`insert into pool (org_id, pool_id, key, kind) values ($1, gen_random_uuid(), 'new', 'SHARED')`, [
          ours.org,
        ]),
      ),
    ).toBe(DENIED);
    expect(await codeOf(run(`insert into policy (org_id, version, statements) values ($1, 2, '[]')`, [ours.org]))).toBe(
      DENIED,
    );
    expect(
      await codeOf(
        run(`insert into principal values ($1, gen_random_uuid(), 'OPERATOR', 'me', 'admin', now())`, [ours.org]),
      ),
    ).toBe(DENIED);
    const key = `insert into api_key (org_id, key_id, principal_id, prefix, hash) values ($1, gen_random_uuid(), $2, 'p', sha256('x'))`;
    expect(await codeOf(run(key, [ours.org, ours.coder]))).toBe(DENIED);
    expect(await run('select key_id as id from api_key', [], { administer: true })).toEqual([{ id: ours.key }]);
  });

  it('sees and uses its own idempotency keys alone', async () => {
    expect(await run('select key from idempotency')).toEqual([{ key: 'mine' }]);
    expect(await run('select key from idempotency', [], { principal: ours.admin })).toEqual([]);
    const insert = `insert into idempotency (org_id, principal_id, key, input_hash) values ($1, $2, 'theirs', 'x')`;
    expect(await codeOf(run(insert, [ours.org, ours.admin]))).toBe(DENIED);
  });
});

describe('without an opening', () => {
  const bare: Statement = { text: 'select 1' };
  const readsNothing = async (role: 'commonplace_app' | 'commonplace_system', table: string) => {
    const reading = database.unit({ role, opening: bare }, (unit) =>
      unit.query({ text: `select org_id from ${table}` }),
    );
    // Either no row, or the fence, which finds no policy of no organisation.
    const seen = await reading.catch((error: { code?: unknown }) => error.code);
    expect({ role, table, seen: seen === STALE ? [] : seen }).toEqual({ role, table, seen: [] });
  };

  beforeEach(async () => {
    // From here on the settings read '' on this connection, and not NULL as on a new one.
    await run('select 1');
  });

  it.each(ALL_TABLES)('a caller sees no row of %s', (table) => readsNothing('commonplace_app', table));

  it.each(ALL_TABLES.filter((table) => table !== 'organization'))('the service’s own tasks see no row of %s', (table) =>
    readsNothing('commonplace_system', table),
  );

  it('a caller sees nothing on a connection that was never opened either, where the settings are absent', async () => {
    const fresh = await openTestDatabase();
    await newTenant(fresh);
    for (const table of ALL_TABLES) {
      const text = `select current_setting('app.org', true) as org, (select count(*) from ${table}) as seen`;
      const scope = { role: 'commonplace_app' as const, opening: bare };
      const seen = await fresh
        .unit(scope, (unit) => unit.query({ text }))
        .catch((error: { code?: unknown }) => error.code);
      expect({ table, seen: seen === STALE ? [{ org: null, seen: 0 }] : seen }).toEqual({
        table,
        seen: [{ org: null, seen: 0 }],
      });
    }
    await fresh.close();
  });
});

describe('the service’s own tasks', () => {
  const asSystem = (text: string, values: unknown[] = []) =>
    database.unit(
      { role: 'commonplace_system', opening: { text: 'select sec.open_system($1::uuid)', values: [ours.org] } },
      (unit) => unit.query<Record<string, unknown>>({ text, values }),
    );

  it('see and change one organisation at a time', async () => {
    for (const table of ALL_TABLES.filter((name) => name !== 'organization')) {
      const rows = await asSystem(`select distinct org_id as org from ${table}`);
      expect({ table, rows }).toEqual({ table, rows: [{ org: ours.org }] });
    }
    expect(
      await asSystem(`update memory set content = 'changed' where org_id = $1 returning 1 as n`, [theirs.org]),
    ).toEqual([]);
    expect(await codeOf(asSystem(`insert into role (org_id, key) values ($1, 'new')`, [theirs.org]))).toBe(DENIED);
    expect(await codeOf(asSystem('update role set org_id = $1', [theirs.org]))).toBe(DENIED);
  });

  it('are no way to the wall itself', async () => {
    for (const table of READ_ONLY) {
      expect(await asSystem(`select distinct org_id as org from ${table}`)).toEqual([{ org: ours.org }]);
      expect(await codeOf(asSystem(`delete from ${table}`))).toBe(DENIED);
      expect(await codeOf(asSystem(`insert into ${table} select * from ${table}`))).toBe(DENIED);
    }
    for (const text of [
      'alter table memory no force row level security',
      'create table public.mine (id integer)',
      'drop policy system_all on memory',
    ]) {
      expect(await codeOf(asSystem(text))).toBe(DENIED);
    }
  });
});
