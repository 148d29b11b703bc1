import { accessEntities } from '#access';
import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getMetadataArgsStorage } from 'typeorm';
import { openTestDatabase } from './support/database.js';

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const ask = async <Row extends Record<string, unknown>>(text: string) => (await database.maintenance<Row>(text)).rows;
const ROLES = `('commonplace_app', 'commonplace_system', 'commonplace_definer')`;
const TENANTS = `pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
  where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`;

describe('tables of an organisation', () => {
  it('are all that there are, but for the list of migrations', async () => {
    const tables = await ask<{ name: string }>(`select c.relname as name from pg_class c
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace = 'public'::regnamespace
        and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id')`);
    expect(tables).toEqual([{ name: 'migration' }]);
    expect(await ask(`select c.relname from ${TENANTS}`)).toHaveLength(27);
  });

  it('force row-level security, on their owner too', async () => {
    expect(await ask(`select c.relname from ${TENANTS} and not (c.relrowsecurity and c.relforcerowsecurity)`)).toEqual(
      [],
    );
  });

  it('name the organisation in every row', async () => {
    expect(await ask(`select c.relname from ${TENANTS} and not a.attnotnull`)).toEqual([]);
  });

  it('have the organisation first in every key and index, so that none reaches into another one', async () => {
    const keys = await ask<{ table: string; name: string; first: string }>(`
      select t.relname as "table", o.conname as name, f.attname as first from pg_constraint o
      join pg_class t on t.oid = o.conrelid join pg_attribute f on f.attrelid = o.conrelid and f.attnum = o.conkey[1]
      where o.contype in ('p', 'u', 'f') and t.oid in (select c.oid from ${TENANTS})
      union all
      select t.relname, i.relname, f.attname from pg_index x
      join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
      left join pg_attribute f on f.attrelid = t.oid and f.attnum = x.indkey[0]
      where t.oid in (select c.oid from ${TENANTS})`);
    expect(keys.length).toBeGreaterThan(40);
    expect(keys.filter((key) => key.first !== 'org_id')).toEqual([]);
  });

  it('refer from organisation to the same organisation', async () => {
    const foreign = await ask<{ name: string; first: string }>(`
      select o.conname as name, f.attname as first from pg_constraint o
      join pg_attribute f on f.attrelid = o.confrelid and f.attnum = o.confkey[1]
      where o.contype = 'f' and o.conrelid in (select c.oid from ${TENANTS})`);
    expect(foreign.length).toBeGreaterThan(10);
    expect(foreign.filter((key) => key.first !== 'org_id')).toEqual([]);
  });

  it('let callers do nothing that no row policy looks at', async () => {
    const open = await ask<{ table: string; command: string }>(`
      select distinct g.table_name as "table", g.privilege_type as command from (
        select table_name, privilege_type, grantee, table_schema from information_schema.role_table_grants
        union select table_name, privilege_type, grantee, table_schema from information_schema.column_privileges
      ) g
      where g.grantee = 'commonplace_app' and g.table_schema = 'public' and not exists (
        select from pg_policies p where p.schemaname = 'public' and p.tablename = g.table_name and 'commonplace_app' = any (p.roles)
          and p.cmd = g.privilege_type and coalesce(p.qual, p.with_check) <> 'true')`);
    expect(open).toEqual([]);
  });

  it('give callers no policy without the organisation in it', async () => {
    const policies = await ask<{ tablename: string; condition: string }>(`
      select tablename, condition from pg_policies cross join unnest(array[qual, with_check]) as condition
      where 'commonplace_app' = any (roles) and condition is not null`);
    expect(policies.length).toBeGreaterThan(20);
    expect(policies.filter(({ condition }) => !/org_id = .*app\.org/.test(condition))).toEqual([]);
  });

  it('have no policy that is for everybody', async () => {
    expect(await ask(`select tablename, policyname from pg_policies where 'public' = any (roles)`)).toEqual([]);
  });
});

describe('functions', () => {
  it('that run with the rights of their owner pin their search_path and belong to the role that may do nothing else', async () => {
    const definers = await ask<{ name: string; config: string[] | null; owner: string }>(`
      select p.proname as name, p.proconfig as config, pg_get_userbyid(p.proowner) as owner from pg_proc p
      where p.prosecdef and p.pronamespace in ('sec'::regnamespace, 'public'::regnamespace) order by 1`);
    expect(definers).toEqual(
      [
        'append_audit',
        'blank_hashes',
        'derived_memories',
        'fence',
        'key_ended',
        'lexical_candidates',
        'promotion_source',
      ].map((name) => ({
        name,
        config: ['search_path=pg_catalog, pg_temp'],
        owner: 'commonplace_definer',
      })),
    );
  });

  it('are not for everybody', async () => {
    const open = await ask(`select p.proname from pg_proc p where p.pronamespace = 'sec'::regnamespace
      and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0)`);
    expect(open).toEqual([]);
  });
});

describe('the roles of the broker', () => {
  it('may not log in, step over row-level security, or make anything', async () => {
    const roles = await ask<Record<string, unknown>>(`
      select rolname, rolsuper or rolbypassrls or rolcanlogin or rolcreatedb or rolcreaterole or rolreplication as able,
        has_schema_privilege(oid, 'public', 'create') or has_schema_privilege(oid, 'sec', 'create') as makes
      from pg_roles where rolname in ${ROLES} order by 1`);
    expect(roles).toEqual(
      ['commonplace_app', 'commonplace_definer', 'commonplace_system'].map((rolname) => ({
        rolname,
        able: false,
        makes: false,
      })),
    );
  });

  it('are members of no other role', async () => {
    expect(
      await ask(`select from pg_auth_members where member in (select oid from pg_roles where rolname in ${ROLES})`),
    ).toEqual([]);
  });

  it('own nothing but these functions', async () => {
    const owned = await ask(`
      select c.relname as name from pg_class c where pg_get_userbyid(c.relowner) in ${ROLES}
      union all select n.nspname from pg_namespace n where pg_get_userbyid(n.nspowner) in ${ROLES}
      union all select p.proname from pg_proc p where pg_get_userbyid(p.proowner) in ${ROLES}
      union all select t.typname from pg_type t where pg_get_userbyid(t.typowner) in ${ROLES} order by 1`);
    expect(owned.map(({ name }) => name)).toEqual([
      'append_audit',
      'blank_hashes',
      'derived_memories',
      'fence',
      'key_ended',
      'lexical_candidates',
      'promotion_source',
    ]);
  });

  it('leave callers no way to change what was logged, or to delete a memory', async () => {
    const may = await ask<{ grant: string }>(`
      select table_name || ' ' || privilege_type as "grant" from information_schema.role_table_grants
      where grantee = 'commonplace_app' and privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER') order by 1`);
    expect(may.map((row) => row.grant)).toEqual([
      'idempotency DELETE',
      'idempotency UPDATE',
      'memory UPDATE',
      'memory_revision DELETE',
      'memory_usage DELETE',
      'memory_vector DELETE',
      'policy_head UPDATE',
      'pool_weights DELETE',
      'webhook DELETE',
    ]);
    const columns = await ask<{ grant: string }>(`
      select g.table_name || '.' || g.column_name as "grant" from information_schema.column_privileges g
      where g.grantee = 'commonplace_app' and g.privilege_type = 'UPDATE' and not exists (
        select from information_schema.role_table_grants t
        where t.grantee = g.grantee and t.table_name = g.table_name and t.privilege_type = 'UPDATE') order by 1`);
    expect(columns.map((row) => row.grant)).toEqual([
      'api_key.revoked_at',
      ...['error', 'failures', 'finished_at', 'status', 'undoing'].map((column) => `consolidation_run.${column}`),
      ...['attempts', 'error', 'finished_at', 'key_id', 'refused', 'status', 'turns_read'].map(
        (column) => `extraction.${column}`,
      ),
      'pool.memories',
      'pool.seq',
      'pool_consolidation.cron',
      'pool_consolidation.since',
      'pool_language.language',
      'pool_language.read_in',
      ...['importance', 'recency', 'usage'].map((column) => `pool_weights.${column}`),
      ...[
        'dead_in_a_row',
        'event_id',
        'failures',
        'last_error',
        'next_attempt_at',
        'reason',
        'secret',
        'state',
        'url',
      ].map((column) => `webhook.${column}`),
      'webhook_dead_letter.redeliver_at',
    ]);
    const secrets = await ask(`select from information_schema.column_privileges
      where grantee = 'commonplace_app' and privilege_type = 'SELECT' and table_name = 'webhook' and column_name like '%secret'`);
    expect(secrets).toEqual([]);
  });
});

describe('the audit log', () => {
  it('can be changed by none of the roles of the broker: entries are added by its function, and the head moves with them', async () => {
    const may = await ask<{ grant: string }>(`
      select grantee || ' ' || table_name || ' ' || privilege_type as "grant" from information_schema.role_table_grants
      where grantee in ${ROLES} and table_name in ('audit_entry', 'audit_head') and privilege_type <> 'SELECT'
      union select grantee || ' ' || table_name || ' ' || privilege_type from information_schema.column_privileges
      where grantee in ${ROLES} and table_name in ('audit_entry', 'audit_head') and privilege_type <> 'SELECT' order by 1`);
    expect(may.map((row) => row.grant)).toEqual([
      'commonplace_definer audit_entry INSERT',
      'commonplace_definer audit_head INSERT',
      'commonplace_definer audit_head UPDATE',
    ]);
  });
});

describe('the lists that conditions look values up in', () => {
  it('are added by the service and changed by nobody: what is kept by its hash stays what it is', async () => {
    const may = await ask<{ grant: string }>(`
      select grantee || ' ' || privilege_type as "grant" from information_schema.column_privileges
      where grantee in ${ROLES} and table_name = 'policy_list'
      union select grantee || ' ' || privilege_type from information_schema.role_table_grants
      where grantee in ${ROLES} and table_name = 'policy_list' order by 1`);
    expect(may.map((row) => row.grant)).toEqual([
      'commonplace_app SELECT',
      'commonplace_system INSERT',
      'commonplace_system SELECT',
    ]);
  });
});

describe('entities of the directory', () => {
  const { tables, columns } = getMetadataArgsStorage();

  it.each(accessEntities.map((entity) => [entity.name, entity] as const))(
    '%s says of its table what the catalogue says',
    async (_, entity) => {
      const table = tables.find(({ target }) => target === entity)?.name as string;
      const told = columns
        .filter(({ target }) => target === entity)
        .map(({ propertyName, options }) => ({
          name: options.name ?? propertyName,
          type: options.type,
          nullable: options.nullable ?? false,
          key: options.primary ?? false,
          filled: options.default !== undefined,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const stored = await ask<Record<string, unknown>>(`
      select a.attname as name, case format_type(a.atttypid, null) when 'timestamp with time zone' then 'timestamptz'
          else format_type(a.atttypid, null) end as type,
        not a.attnotnull as nullable, a.attnum = any (k.conkey) as key, a.atthasdef as filled
      from pg_attribute a join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'p'
      where a.attrelid = 'public.${table}'::regclass and a.attnum > 0 and not a.attisdropped`);
      const names = new Set(told.map(({ name }) => name));
      expect(
        stored
          .filter(({ name }) => names.has(name as string))
          .sort((a, b) => ((a['name'] as string) < (b['name'] as string) ? -1 : 1)),
      ).toEqual(told);
      // What an entity leaves out fills itself when a row is inserted through it.
      expect(stored.filter(({ name, nullable, filled }) => !names.has(name as string) && !nullable && !filled)).toEqual(
        [],
      );
    },
  );
});
