import { newId } from '#kernel';
import { Database } from '#platform';
import { afterAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { migrations } from '../migrations/index.js';
import { createNativeDatabase, describeOnNative, nativeOnly } from './support/database.js';

const OWNER = `upgrade_owner_${process.pid}`;
/** Up to the webhooks: what counts and ranks came after. */
const BEFORE = 4;

let serverUrl = '';
let owned = '';
afterAll(async () => {
  if (owned)
    await run(serverUrl, [`drop database if exists ${databaseOf(owned)} with (force)`, `drop role if exists ${OWNER}`]);
});

const databaseOf = (url: string): string => new URL(url).pathname.slice(1);

async function run<Row extends pg.QueryResultRow>(url: string, statements: readonly string[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Row[] = [];
    for (const statement of statements) ({ rows } = await client.query<Row>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

async function migrateAs(url: string, some: typeof migrations): Promise<void> {
  const database = await Database.open({ url, entities: [], migrations: some });
  try {
    await database.migrate();
  } finally {
    await database.close();
  }
}

describeOnNative(nativeOnly('an upgrade by an owner who is no superuser', 'its only user is a superuser'), () => {
  it('fills in what older memories lack, for row-level security holds it too', async () => {
    const url = await createNativeDatabase('template0');
    const name = databaseOf(url);
    serverUrl = Object.assign(new URL(url), { pathname: '/postgres' }).href;
    owned = Object.assign(new URL(url), { username: OWNER }).href;
    const roles = 'commonplace_app, commonplace_system, commonplace_definer';
    await run(url, [
      `create role ${OWNER} login createrole`,
      `grant ${roles} to ${OWNER} with admin option`,
      `alter database ${name} owner to ${OWNER}`,
      `alter schema public owner to ${OWNER}`,
      'create extension vector',
      'create extension btree_gin',
    ]);
    await migrateAs(owned, migrations.slice(0, BEFORE));
    const [org, pool, author] = [newId(), newId(), newId()];
    const memory = (status: string) =>
      `insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance,
        author_id, changed_by, created_at, updated_at)
      select '${org}', gen_random_uuid(), '${pool}', 'EPISODIC', '${status}', 'a ' || n, decode(md5('${status}' || n), 'hex'), '', 0, 2,
        '${author}', '${author}', now(), now() from generate_series(1, 3) n`;
    await run(url, [
      `insert into organization (org_id, name, feed_epoch) values ('${org}', 'older', gen_random_uuid())`,
      `insert into role (org_id, key, built_in) values ('${org}', 'planner', true)`,
      `insert into principal (org_id, principal_id, kind, name, role_key) values ('${org}', '${author}', 'AGENT', 'older', 'planner')`,
      `insert into pool (org_id, pool_id, key, kind) values ('${org}', '${pool}', 'older', 'SHARED')`,
      memory('ACTIVE'),
      memory('SUPERSEDED'),
    ]);
    await migrateAs(owned, migrations);
    expect(await run(url, ['select memories from pool'])).toEqual([{ memories: 3 }]);
    const text = `select status, count(retired_at)::integer as retired from memory group by status order by status`;
    expect(await run(url, [text])).toEqual([
      { status: 'ACTIVE', retired: 0 },
      { status: 'SUPERSEDED', retired: 3 },
    ]);
    expect(await run(url, ['select distinct author_role as role from memory'])).toEqual([{ role: 'planner' }]);
    const unforced = `select relname from pg_class where relrowsecurity and not relforcerowsecurity order by 1`;
    expect(await run(url, [unforced])).toEqual([]);
  });
});
