import type { Database, Unit } from '#platform';

/** Any number that all brokers agree on: several may see an empty database at once. */
const FIRST_START_LOCK = 4_823_902;

/** Until the unit ends, no other broker makes an organisation. */
export async function waitForOthers(unit: Unit): Promise<void> {
  await unit.query({ text: 'select pg_advisory_xact_lock($1)', values: [FIRST_START_LOCK] });
}

export async function insertHead(unit: Unit, orgId: string, version: number): Promise<void> {
  await unit.query({ text: 'insert into policy_head (org_id, version) values ($1, $2)', values: [orgId, version] });
}

const TABLES_OF_ORGANISATIONS = `pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
  where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`;

/** Those of the broker's roles for which row-level security would be no wall: an owner may take it down. */
export async function rolesAboveTheWalls(database: Database): Promise<string[]> {
  const { rows } = await database.maintenance<{ name: string }>(
    `select rolname as name from pg_roles r where rolname in ('commonplace_app', 'commonplace_system', 'commonplace_definer')
       and (rolsuper or rolbypassrls or exists (select from ${TABLES_OF_ORGANISATIONS} and pg_has_role(r.oid, c.relowner, 'member')))`,
  );
  return rows.map((row) => row.name);
}

/** Tables of organisations that do not force row-level security. */
export async function tablesWithoutWalls(database: Database): Promise<string[]> {
  const { rows } = await database.maintenance<{ name: string }>(
    `select c.relname as name from ${TABLES_OF_ORGANISATIONS} and not (c.relrowsecurity and c.relforcerowsecurity)`,
  );
  return rows.map((row) => row.name);
}

/** @returns the ids of the keys that were live. */
export async function revokeKeysOf(unit: Unit, orgId: string, principalId: string): Promise<string[]> {
  const text = `update api_key set revoked_at = clock_timestamp()
    where org_id = $1 and principal_id = $2 and revoked_at is null returning key_id as id`;
  return (await unit.query<{ id: string }>({ text, values: [orgId, principalId] })).map(({ id }) => id);
}
