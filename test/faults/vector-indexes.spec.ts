import type { Grants } from '#access';
import { newId } from '#kernel';
import type { Database } from '#platform';
import { SearchCosts, VectorIndexes } from '#memory';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { parseFilter } from '../../libs/memory/src/read/memory-filter.js';
import { nearest, nearestKnown } from '../../libs/memory/src/vectors/nearest.js';
import { nearestExactly } from '../../libs/memory/src/vectors/nearest.repository.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { createNativeDatabase, describeOnNative, nativeOnly, openTestDatabase } from '../support/database.js';

const DIMENSIONS = 8;
const SIZES = { small: 1_500, middle: 2_600, wide: 9_000, vast: 50_500 } as const;
type Key = keyof typeof SIZES;
const REASON = 'of this test';

describeOnNative(nativeOnly('vectors of large pools', 'the embedded database compares every vector'), () => {
  let api: TestApi;
  let database: Database;
  let indexes: VectorIndexes;
  let planner: TestClient & { id: string };
  let url: string;
  const pools = {} as Record<Key, string>;
  const spaceId = newId();

  beforeAll(async () => {
    url = await createNativeDatabase();
    api = await startTestApi({}, await openTestDatabase(url));
    database = api.broker.database;
    indexes = newIndexes();
    planner = await api.agent('planner');
    await database.maintenance(
      `insert into embedding_space (org_id, space_id, model, dimensions, state) values ($1, $2, 'test', $3, 'CURRENT')`,
      [api.broker.access.orgId, spaceId, DIMENSIONS],
    );
    for (const key of Object.keys(SIZES) as Key[]) {
      const { createPool } = await api.admin.ask<{ createPool: { id: string } }>(
        'mutation ($input: CreatePoolInput!) { createPool(input: $input) { id } }',
        { input: { key, kind: 'SHARED' } },
      );
      pools[key] = createPool.id;
      await fill(key, SIZES[key]);
    }
    await activate(null);
  }, 180_000);
  afterAll(() => api.close());

  const newIndexes = (costs?: SearchCosts) =>
    new VectorIndexes(
      api.broker.access,
      database,
      (error) => {
        throw error;
      },
      costs,
    );

  /** Of every seventh memory the label is rare. */
  async function fill(key: Key, count: number): Promise<void> {
    const { orgId } = api.broker.access;
    const values = [orgId, pools[key], planner.id, spaceId];
    await database.maintenance(
      `with made as (
        insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance, labels,
          author_id, changed_by, created_at, updated_at)
        select $1, gen_random_uuid(), $2::uuid, 'EPISODIC', 'ACTIVE', 'vector ' || n, decode(md5($2::uuid::text || n || random()), 'hex'), '', 0, 2,
          case when n % 700 = 0 then '{rare}'::text[] else '{}' end, $3, $3, now(), now()
        from generate_series(1, ${count}) n returning memory_id
      ), counted as (update pool set memories = memories + ${count} where pool_id = $2)
      insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding)
      select $1, $4, memory_id, $2,
        (select array_agg(random() - 0.5)::vector(${DIMENSIONS})::halfvec from generate_series(1, ${DIMENSIONS}) where memory_id is not null)
      from made`,
      values,
    );
  }

  async function activate(where: Record<string, unknown> | null): Promise<void> {
    const { policy } = await api.admin.ask<{ policy: { version: number; statements: Record<string, unknown>[] } }>(
      '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }',
    );
    const own = { effect: 'ALLOW', roles: ['planner'], actions: ['READ'], pools: Object.keys(SIZES), reason: REASON };
    const present = policy.statements.map((one) =>
      Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null)),
    );
    const statements = [...present.filter(({ reason }) => reason !== REASON), where ? { ...own, where } : own];
    await api.admin.ask(
      'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }',
      {
        input: { expectedVersion: policy.version, statements },
      },
    );
  }

  const tiers = async () =>
    Object.fromEntries(
      (
        await database.maintenance<{ key: string; tier: string }>(
          'select key, vector_tier as tier from pool where key = any($1::text[])',
          [Object.keys(SIZES)],
        )
      ).rows.map(({ key, tier }) => [key, tier]),
    );

  /** Of the ten nearest that the planner may read in the pools, the share that the plan finds too. */
  async function recallOf(keys: Key[], filter: { labels?: string[] } = {}): Promise<number> {
    const { access } = api.broker;
    const caller = {
      orgId: access.orgId,
      id: planner.id,
      kind: 'AGENT' as const,
      name: 'p',
      role: 'planner',
      keyId: null,
      tokenExpiresAt: null,
    };
    let found = 0;
    let wanted = 0;
    for (let question = 0; question < 10; question++) {
      const vector = Array.from({ length: DIMENSIONS }, (_, place) => Math.sin(question * 7 + place * 3));
      const { near, exact } = await access.read(caller, async (unit, grants: Grants) => {
        const scope = {
          orgId: access.orgId,
          filter: grants.readFilter.narrow(keys.map((key) => pools[key])),
          now: new Date(),
          space: { spaceId },
        };
        const parsed = parseFilter(filter, 'filter', grants);
        const exact = await nearestExactly(unit, scope, parsed, vector);
        const passages = new Map(exact.map((passage) => [passage.id, passage]));
        const known = await nearestKnown(unit, scope, { filter: parsed, vector }, ({ id }) => passages.get(id));
        const near = await nearest(unit, scope, parsed, vector);
        return { near: [near, known.map(({ passage }) => passage)], exact };
      });
      const best = exact.slice(0, 10);
      for (const one of near) {
        const ids = new Set(one.slice(0, 10).map(({ id }) => id));
        wanted += best.length;
        found += best.filter(({ id }) => ids.has(id)).length;
      }
    }
    expect(wanted).toBeGreaterThan(0);
    return found / wanted;
  }

  const REACHES: Key[][] = [
    ['small'],
    ['middle'],
    ['wide'],
    ['vast'],
    ['small', 'middle', 'wide'],
    ['small', 'middle', 'wide', 'vast'],
  ];

  it('are searched by the index that suits the size of each, and nothing near is missed', async () => {
    expect(await recallOf(REACHES[5] as Key[])).toBe(1);
    expect(await indexes.run()).toBe(3);
    expect(await tiers()).toEqual({ small: 'EXACT', middle: 'SHARED', wide: 'SHARED', vast: 'OWN' });
    expect(await indexes.run()).toBe(0);
    for (const reach of REACHES) expect(await recallOf(reach)).toBeGreaterThanOrEqual(0.99);
    const { rows } = await database.maintenance<{ line: string }>(
      `select indexdef as line from pg_indexes where indexname like 'vectors_%' order by indexname`,
    );
    expect(rows).toHaveLength(2);
  }, 180_000);

  it('are compared one by one as far as that is cheaper here, which is measured once there is an index', async () => {
    const costs = new SearchCosts();
    await newIndexes(costs).run();
    expect(costs.measured).toBe(true);
    expect(costs.exactFactor).toBeGreaterThanOrEqual(6);
    expect(costs.exactFactor).toBeLessThanOrEqual(60);
  });

  it('are found where the filter or the policy leaves few of many', async () => {
    for (const reach of REACHES) expect([reach, await recallOf(reach, { labels: ['rare'] })]).toEqual([reach, 1]);
    await activate({ labels: { contains: 'rare' } });
    for (const reach of REACHES) expect([reach, await recallOf(reach)]).toEqual([reach, 1]);
    await activate(null);
  }, 180_000);

  it('that were embedded by who had not heard of a move are brought after it', async () => {
    await fill('wide', 300);
    const { rows: before } = await database.maintenance(
      'select 1 from memory_vector where pool_id = $1 and not shared',
      [pools.wide],
    );
    expect(before).toHaveLength(300);
    expect(await indexes.run()).toBe(0);
    const { rows: after } = await database.maintenance(
      'select 1 from memory_vector where pool_id = $1 and not shared',
      [pools.wide],
    );
    expect(after).toHaveLength(0);
  });

  it('are searched without an index again when the pool has shrunk, and by a broken one after it was built anew', async () => {
    await database.maintenance(
      `delete from memory_vector where pool_id = $1 and ctid in (select ctid from memory_vector where pool_id = $1 limit 2000)`,
      [pools.middle],
    );
    await database.maintenance(`update pool set memories = 600 where pool_id = $1`, [pools.middle]);
    expect(await indexes.run()).toBe(1);
    expect(await tiers()).toMatchObject({ middle: 'EXACT', wide: 'SHARED' });
    expect(await recallOf(['middle'])).toBe(1);
    // As after a broker was killed while the pool's index was being built.
    await database.maintenance(
      `update pg_index set indisvalid = false from pg_class c where c.oid = indexrelid and c.relname like 'vectors\\_%\\_%'`,
    );
    await database.maintenance(`update pool set vector_tier = 'SHARED', vector_shared = true where pool_id = $1`, [
      pools.vast,
    ]);
    expect(await indexes.run()).toBe(1);
    expect(await tiers()).toMatchObject({ vast: 'OWN' });
    expect(await recallOf(['vast'])).toBeGreaterThanOrEqual(0.99);
  }, 180_000);

  it('leave no index behind when their space is searched no more', async () => {
    const names = async () =>
      (await database.maintenance(`select relname from pg_class where relname like 'vectors\\_%' order by 1`)).rows;
    expect(await names()).toHaveLength(2);
    await database.maintenance(
      `update embedding_space set state = 'RETIRED', retired_at = clock_timestamp() where space_id = $1`,
      [spaceId],
    );
    await indexes.run();
    expect(await names()).toEqual([]);
  });

  it('are given up by their own builder alone, also while it waits', async () => {
    await database.maintenance(`update embedding_space set state = 'CURRENT' where space_id = $1`, [spaceId]);
    const reader = new pg.Client({ connectionString: url });
    await reader.connect();
    try {
      await reader.query('begin; lock table memory_vector in share update exclusive mode');
      const [one, other] = [newIndexes(), newIndexes()];
      const runs = [one.run(), other.run()];
      const waiting = `select count(distinct query)::integer as n from pg_stat_activity
        where datname = current_database() and query like '/%create index%' and wait_event_type = 'Lock'`;
      for (let builds = 0; builds < 2;) builds = (await database.maintenance<{ n: number }>(waiting)).rows[0]?.n ?? 0;
      await one.stop();
      await runs[0];
      expect((await database.maintenance<{ n: number }>(waiting)).rows).toEqual([{ n: 1 }]);
      await other.stop();
      await runs[1];
    } finally {
      await reader.end();
    }
  }, 60_000);
});
