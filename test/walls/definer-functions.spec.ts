import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openTestDatabase } from '../support/database.js';
import { newTenant, unitOf, type Opening, type Tenant } from '../support/tenants.js';

let database: Database;
let ours: Tenant;
let theirs: Tenant;
beforeAll(async () => {
  database = await openTestDatabase();
  ours = await newTenant(database);
  theirs = await newTenant(database);
  // With other numbers than ours, so that the head of one organisation is no key to the other.
  await database.maintenance('update policy_head set directory_version = 7 where org_id = $1', [theirs.org]);
});
afterAll(() => database.close());

const everyPool = () => [...Object.values(ours.pools), ...Object.values(theirs.pools)];
const STALE = 'AB001';

/** A memory of ours, with its id, as one of theirs: only the organisation tells them apart. */
async function copyToThem(pool: string, changes: object = {}): Promise<() => Promise<unknown>> {
  const id = ours.memories[pool];
  const author = { author_id: theirs.coder, changed_by: theirs.coder };
  const there = {
    org_id: theirs.org,
    pool_id: theirs.pools[pool],
    content_hash: `\\x${Buffer.from(`copy ${pool}`).toString('hex')}`,
  };
  await database.maintenance(
    'insert into memory select (jsonb_populate_record(m, $2::jsonb)).* from memory m where org_id = $3 and memory_id = $1',
    [id, JSON.stringify({ ...author, ...there, promoted_from: null, ...changes }), ours.org],
  );
  return () => database.maintenance('delete from memory where memory_id = $1 and org_id = $2', [id, theirs.org]);
}

/** The memories that the function finds in the named pools, by a unit of the opening; or why not. */
function candidates(named: string[], opening: Partial<Opening> = {}, stale = false): Promise<unknown> {
  return unitOf(database, ours, opening, async (unit) => {
    if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
    const text = `select memory_id as id from sec.lexical_candidates($1::uuid[], '{ACTIVE}', '{word}', now(), null, 100)`;
    return (await unit.query<{ id: string }>({ text, values: [named] })).map(({ id }) => id).sort();
  }).catch((error: { code?: string }) => error.code);
}

describe('sec.lexical_candidates', () => {
  const some = (tenant: Tenant, ...pools: string[]) => pools.map((pool) => tenant.memories[pool]).sort();

  it('finds nothing outside of the pools in reach', async () => {
    expect(await candidates(everyPool())).toEqual(some(ours, 'coder', 'shared'));
    expect(await candidates(everyPool(), { pools: [] })).toEqual([]);
  });

  it('finds nothing outside of the pools that are named', async () => {
    expect(await candidates([ours.pools['shared'] as string])).toEqual(some(ours, 'shared'));
    expect(await candidates([])).toEqual([]);
  });

  it('finds nothing of another organisation, whatever pools are named and in reach', async () => {
    expect(await candidates(everyPool(), { pools: everyPool() })).toEqual(some(ours, ...Object.keys(ours.pools)));
  });

  it('is behind the fence', async () => {
    expect(await candidates(everyPool(), {}, true)).toBe(STALE);
  });
});

describe('sec.lexical_candidates in pools that hold more than the budget', () => {
  const hold = (tenant: Tenant, memories: number, ...pools: string[]) =>
    database.maintenance('update pool set memories = $1 where org_id = $2 and pool_id = any($3::uuid[])', [
      memories,
      tenant.org,
      pools.map((pool) => tenant.pools[pool]),
    ]);
  const every = Object.keys;
  /** How many memories it counts that hold the word; nothing where it does not count. */
  const counted = (named: string[], budget: number, { stale = false, atMost = 100 } = {}): Promise<unknown> =>
    unitOf(database, ours, { pools: everyPool() }, async (unit) => {
      if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
      const text = `select memory_id as id, term_count as count
        from sec.lexical_candidates($1::uuid[], '{ACTIVE}', '{word}', now(), $2, $3)`;
      const rows = await unit.query<{ id: string | null; count: number }>({ text, values: [named, budget, atMost] });
      return rows.filter(({ id }) => id === null).map(({ count }) => count);
    }).catch((error: { code?: string }) => error.code);

  it('counts what the named pools of the organisation hold', async () => {
    await hold(ours, 1, ...every(ours.pools));
    expect(await counted([ours.pools['shared'] as string], 0)).toEqual([1]);
    expect(await counted(everyPool(), 0)).toEqual([every(ours.pools).length]);
  });

  it('counts behind the fence, also where no memory is asked for', async () => {
    await hold(ours, 1, ...every(ours.pools));
    expect(await counted(everyPool(), 0, { atMost: 0 })).toEqual([every(ours.pools).length]);
    expect(await counted(everyPool(), 0, { atMost: 0, stale: true })).toBe(STALE);
  });

  it('does not count for what other pools and organisations hold', async () => {
    await hold(ours, 1_000, ...every(ours.pools));
    await hold(theirs, 1_000, ...every(theirs.pools));
    await hold(ours, 1, 'shared');
    expect(await counted([ours.pools['shared'], theirs.pools['shared']] as string[], 5)).toEqual([]);
    expect(await counted([ours.pools['shared'], ours.pools['coder']] as string[], 5)).toEqual([2]);
  });
});

describe('sec.promotion_source', () => {
  /** What a waiting copy in the shared pool tells of the planners' memory that it was promoted from. */
  const told = (opening: Partial<Opening> = {}, stale = false, copy = ours.memories['shared']) =>
    unitOf(database, ours, opening, async (unit) => {
      if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
      const text = 'select memory_id as id from sec.promotion_source($1)';
      return (await unit.query<{ id: string }>({ text, values: [copy] })).map(({ id }) => id);
    }).catch((error: { code?: string }) => error.code);
  const promoted = (status: string, tenant = ours) =>
    database.maintenance(`update memory set status = $2, promoted_from = $3 where memory_id = $1`, [
      tenant.memories['shared'],
      status,
      tenant.memories['planner'],
    ]);

  it('tells of the source of a copy that waits in reach, though the source is not', async () => {
    await promoted('PROPOSED');
    expect(await told()).toEqual([ours.memories['planner']]);
  });

  it('tells nothing once the copy was decided on, out of reach, and behind the fence', async () => {
    await promoted('ACTIVE');
    expect(await told()).toEqual([]);
    await promoted('PROPOSED');
    expect(await told({ pools: [ours.pools['coder'] as string] })).toEqual([]);
    expect(await told({ pools: [] })).toEqual([]);
    expect(await told({}, true)).toBe(STALE);
  });

  it('tells nothing of another organisation, even where its pools are said to be in reach', async () => {
    await promoted('PROPOSED', theirs);
    expect(await told({ pools: everyPool() }, false, theirs.memories['shared'])).toEqual([]);
  });

  it('does not follow a copy into another organisation', async () => {
    // The same id in both: only the organisation tells them apart.
    const [id, copy] = [ours.memories['planner'], ours.memories['shared']];
    await promoted('PROPOSED');
    await database.maintenance(
      `insert into memory select (jsonb_populate_record(m, jsonb_build_object('org_id', $2::text, 'pool_id', $3::text, 'content_hash', '\\x00',
        'author_id', $4::text, 'changed_by', $4::text))).* from memory m where memory_id = $1`,
      [id, theirs.org, theirs.pools['planner'], theirs.coder],
    );
    expect(await told({}, false, copy)).toEqual([id]);
    await database.maintenance('delete from memory where memory_id = $1 and org_id = $2', [id, theirs.org]);
  });
});

describe('sec.derived_memories', () => {
  const made = async ({ org, memories }: Tenant, of: string, from: string) =>
    database.maintenance('insert into memory_source values ($1, $2, $3) on conflict do nothing', [
      org,
      memories[of],
      memories[from],
    ]);
  const derived = (of: string | undefined, opening: Partial<Opening> = {}, stale = false, atMost = 100) =>
    unitOf(database, ours, opening, async (unit) => {
      if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
      const text = 'select memory_id as id from sec.derived_memories($1::uuid[], $2)';
      return (await unit.query<{ id: string | null }>({ text, values: [[of], atMost] })).map(({ id }) => id);
    }).catch((error: { code?: string }) => error.code);

  it('follows what was made of what was made, and tells no id that is out of reach', async () => {
    await made(ours, 'planner', 'coder');
    await made(ours, 'shared', 'planner');
    const found = (await derived(ours.memories['coder'])) as (string | null)[];
    expect([...found].sort()).toEqual([ours.memories['shared'], null].sort());
    expect(await derived(ours.memories['coder'], {}, false, 1)).toHaveLength(1);
  });

  it('starts from nothing that is out of reach, of another organisation, or behind the fence', async () => {
    expect(await derived(ours.memories['planner'])).toEqual([]);
    expect(await derived(ours.memories['coder'], { pools: [] })).toEqual([]);
    await made(theirs, 'shared', 'coder');
    expect(await derived(theirs.memories['coder'], { pools: everyPool() })).toEqual([]);
    expect(await derived(ours.memories['coder'], {}, true)).toBe(STALE);
  });

  it('meets no memory of another organisation that has the same id', async () => {
    const undo = [await copyToThem('planner'), await copyToThem('shared')];
    const pools = [ours.pools['coder'], ours.pools['shared'], ...Object.values(theirs.pools)] as string[];
    expect(await derived(ours.memories['planner'], { pools })).toEqual([]);
    expect(await derived(ours.memories['coder'], { pools })).toHaveLength(2);
    for (const one of undo) await one();
  });
});

describe('sec.blank_hashes', () => {
  const hashes = async (tenant: Tenant) => {
    const text = `select 'k' || encode(input_hash, 'hex') as hash from idempotency where org_id = $1
      union all select 'e' || encode(input_hash, 'hex') from extraction where org_id = $1 order by 1`;
    return (await database.maintenance<{ hash: string }>(text, [tenant.org])).rows.map(({ hash }) => hash);
  };
  const blank = (ids: unknown[], opening: Partial<Opening> = {}, stale = false) =>
    unitOf(database, ours, opening, async (unit) => {
      if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
      await unit.query({ text: 'select sec.blank_hashes($1::uuid[])', values: [ids] });
      return 'OK';
    }).catch((error: { code?: string }) => error.code);
  const bury = (tenant: Tenant, pool: string) =>
    database.maintenance(`update memory set status = 'FORGOTTEN', content = null where memory_id = $1`, [
      tenant.memories[pool],
    ]);

  it('blanks those of what is forgotten in reach, and no others', async () => {
    for (const tenant of [ours, theirs])
      await database.maintenance('update idempotency set memory_id = $2 where org_id = $1', [
        tenant.org,
        tenant.memories['coder'],
      ]);
    const [before, others] = [await hashes(ours), await hashes(theirs)];
    const coder = ours.memories['coder'];
    expect(await blank([coder])).toBe('OK');
    expect(await hashes(ours)).toEqual(before);
    await bury(ours, 'coder');
    await bury(theirs, 'coder');
    expect(await blank([coder], { pools: [ours.pools['shared'] as string] })).toBe('OK');
    expect(await blank([theirs.memories['coder']], { pools: everyPool() })).toBe('OK');
    expect(await blank([coder], {}, true)).toBe(STALE);
    expect(await hashes(ours)).toEqual(before);
    expect(await blank([coder])).toBe('OK');
    const after = await hashes(ours);
    expect(after.filter((hash) => !before.includes(hash))).toHaveLength(2);
    expect(await hashes(theirs)).toEqual(others);
  });

  it('blanks those of requests that stored it among others', async () => {
    const set = (tenant: Tenant) =>
      database.maintenance(
        'update idempotency set memory_id = null, memory_ids = array[null, $2, $3]::uuid[] where org_id = $1',
        [tenant.org, ours.memories['tester'], tenant.memories['coder']],
      );
    await set(ours);
    await set(theirs);
    await bury(ours, 'coder');
    const [before, others] = [await hashes(ours), await hashes(theirs)];
    expect(await blank([ours.memories['planner'], ours.memories['tester']], { pools: everyPool() })).toBe('OK');
    expect(await hashes(ours)).toEqual(before);
    expect(await blank([ours.memories['coder']])).toBe('OK');
    expect((await hashes(ours)).filter((hash) => !before.includes(hash) && hash.startsWith('k'))).toHaveLength(1);
    expect(await hashes(theirs)).toEqual(others);
  });

  it('takes no memory for forgotten that is so in another organisation alone', async () => {
    await database.maintenance('update idempotency set memory_id = $2 where org_id = $1', [
      ours.org,
      ours.memories['tester'],
    ]);
    const undo = await copyToThem('tester', { status: 'FORGOTTEN', content: null });
    const before = await hashes(ours);
    expect(await blank([ours.memories['tester']], { pools: everyPool() })).toBe('OK');
    expect(await hashes(ours)).toEqual(before);
    await undo();
  });
});

describe('sec.append_audit', () => {
  const append = (opening: Partial<Opening> = {}, stale = false) =>
    unitOf(database, ours, opening, async (unit) => {
      if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
      await unit.query({ text: `select sec.append_audit(gen_random_uuid(), 'pool.create', 'x', '{}')` });
      return 'OK';
    }).catch((error: { code?: string }) => error.code);
  const log = async ({ org }: Tenant) =>
    (await database.maintenance('select seq, principal_id from audit_entry where org_id = $1 order by seq', [org]))
      .rows;

  it('writes who was opened for, behind the newest entry of that organisation', async () => {
    const others = await log(theirs);
    expect(await append()).toBe('OK');
    expect((await log(ours)).at(-1)).toEqual({ seq: 2, principal_id: ours.coder });
    expect(await log(theirs)).toEqual(others);
    const heads = await database.maintenance('select seq from audit_head where org_id = any($1::uuid[]) order by seq', [
      [ours.org, theirs.org],
    ]);
    expect(heads.rows).toEqual([{ seq: 1 }, { seq: 2 }]);
  });

  it('is behind the fence', async () => {
    const before = await log(ours);
    expect(await append({}, true)).toBe(STALE);
    expect(await log(ours)).toEqual(before);
  });
});

describe('sec.open', () => {
  const opened = (tenant: Tenant, changes: Partial<Opening>) =>
    unitOf(database, tenant, changes, () => Promise.resolve('OK')).catch((error: { code?: string }) => error.code);

  it('refuses by itself what the fence refuses, before any statement', async () => {
    expect(await opened(ours, {})).toBe('OK');
    expect(await opened(ours, { policyVersion: 2 })).toBe(STALE);
  });

  it('compares with the head of its own organisation', async () => {
    expect(await opened(ours, { directoryVersion: 1 })).toBe('OK');
    expect(await opened(ours, { directoryVersion: 7 })).toBe(STALE);
    expect(await opened(theirs, { directoryVersion: 7 })).toBe('OK');
    expect(await opened(theirs, { directoryVersion: 1 })).toBe(STALE);
  });
});
