import type { Database, Unit } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openTestDatabase } from '../support/database.js';
import { newTenant, unitOf, type Opening, type Tenant } from '../support/tenants.js';
import { BOUNDS, UPDATES, type Bound, type Command } from './bounds.js';

type Row = Record<string, unknown>;
type Tried = [table: string, command: Command, bound: Bound | null];

let database: Database;
let ours: Tenant;
let theirs: Tenant;
beforeAll(async () => {
  database = await openTestDatabase();
  ours = await newTenant(database);
  theirs = await newTenant(database);
});
afterAll(() => database.close());

const ask = async (text: string, values: unknown[] = []) => (await database.maintenance<Row>(text, values)).rows;
const ALL: Tried[] = Object.entries(BOUNDS).flatMap(([table, commands]) =>
  Object.entries(commands).map(([command, bound]): Tried => [table, command as Command, bound]),
);
const rowOf = async (table: string, { org }: Tenant) =>
  (await ask(`select to_jsonb(t) as row from ${table} t where org_id = $1 limit 1`, [org]))[0]?.['row'];
const countOf = async (table: string, { org }: Tenant) =>
  Number((await ask(`select count(*) as count from ${table} where org_id = $1`, [org]))[0]?.['count']);

/** Everything stands open, so that what is shut then is shut by one thing alone. */
const openTo = (tenant: Tenant): Partial<Opening> => ({
  org: tenant.org,
  key: tenant.key,
  pools: [...Object.values(ours.pools), ...Object.values(theirs.pools)],
  administer: true,
});
const SHUT: Record<Bound, () => Partial<Opening>> = {
  pools: () => ({ pools: [] }),
  administer: () => ({ administer: false }),
  principal: () => ({ principal: ours.admin }),
};

/**
 * The commands read no column, so that their own row policy decides and no other. What is inserted is there already: row
 * policies are asked before the keys are.
 */
const TEXTS: Record<Command, (table: string) => string> = {
  select: (table) => `select from ${table}`,
  insert: (table) => `insert into ${table} select (jsonb_populate_record(null::${table}, $1::jsonb)).*`,
  update: (table) => `update ${table} set ${UPDATES[table]}`,
  delete: (table) => `delete from ${table}`,
};

/** @returns how many rows it met, REFUSED by a row policy, or the code of another failure */
async function attempt(unit: Unit, command: Command, text: string, values: unknown[] = []): Promise<number | string> {
  const counted = command === 'select' ? text : `${text} returning 1 as one`;
  return unit.query<Row>({ text: counted, values }).then(
    (rows) => rows.length,
    (error: Error & { code?: string }) =>
      /violates row-level security/.test(error.message) ? 'REFUSED' : String(error.code),
  );
}

type Within = (work: (unit: Unit) => Promise<unknown>) => Promise<unknown>;
const asCaller =
  (opening: Partial<Opening>): Within =>
  (work) =>
    unitOf(database, ours, opening, work);
const asSystem =
  ({ org }: Tenant): Within =>
  (work) =>
    database.unit({ role: 'commonplace_system', opening: { text: 'select sec.open_system($1)', values: [org] } }, work);

/** In a unit that is undone, whatever it did. */
async function inVain(within: Within, work: (unit: Unit) => Promise<unknown>): Promise<unknown> {
  const undone = new Error('undone');
  let result: unknown;
  const unit = within(async (unit) => {
    result = await work(unit);
    throw undone;
  });
  await unit.catch((error: unknown) => {
    if (error !== undone) throw error;
  });
  return result;
}

async function tried(opening: Partial<Opening>, [table, command]: Tried, stale = false): Promise<unknown> {
  const values = command === 'insert' ? [JSON.stringify(await rowOf(table, ours))] : [];
  return inVain(asCaller(opening), async (unit) => {
    if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
    return attempt(unit, command, TEXTS[command](table), values);
  });
}

const THERE_ALREADY = '23505';
const DENIED = '42501';
const STALE = 'AB001';
const nothing = (command: Command) => (command === 'insert' ? 'REFUSED' : 0);

const setting = (name: string) => `current_setting\\('app\\.${name}'`;
const ASKED = {
  org: new RegExp(`[(]org_id = \\(NULLIF\\(${setting('org')}`),
  fence: /sec\.fence\(\)/,
  pools: new RegExp(`pool_id = ANY .*${setting('pools')}`),
  administer: new RegExp(`${setting('administer')}.* = 'on'`),
  principal: new RegExp(`principal_id = .*${setting('principal')}`),
};
/** They are seen and written with their memory, whose own policies ask for the pools and the fence. */
const OF_A_MEMORY = ['memory_revision', 'memory_source'];
const ofMemory = (table: string) =>
  new RegExp(`EXISTS .*m\\.org_id = ${table}\\.org_id.*m\\.memory_id = ${table}\\.`, 's');

describe('the row policies of callers', () => {
  it('are those that are written down', async () => {
    const stored = await ask(`select tablename || ' ' || lower(cmd) as policy from pg_policies
      where schemaname = 'public' and 'commonplace_app' = any (roles) order by 1`);
    expect(stored.map(({ policy }) => policy)).toEqual(ALL.map(([table, command]) => `${table} ${command}`).sort());
  });

  // Where several clauses decide, each holds by itself what the others hold: an update's check what it let through, a
  // revision's organisation what its memory says. So one of them could be lost without a row that shows it.
  it.each(ALL)('%s %s: says in each clause all that it asks for', async (table, command, bound) => {
    const clauses = await ask(
      `select clause from pg_policies cross join unnest(array[qual, with_check]) as clause
       where tablename = $1 and cmd = upper($2) and 'commonplace_app' = any (roles) and clause is not null`,
      [table, command],
    );
    const wanted = [ASKED.org, ...(OF_A_MEMORY.includes(table) ? [ofMemory(table)] : [ASKED.fence])];
    if (bound && !OF_A_MEMORY.includes(table)) wanted.push(ASKED[bound]);
    expect(clauses.length).toBe(command === 'update' ? 2 : 1);
    for (const { clause } of clauses) for (const what of wanted) expect(clause).toMatch(what);
  });

  it.each(ALL)('%s %s: stands open where nothing shuts it', async (...one) => {
    const open = one[1] === 'insert' ? THERE_ALREADY : await countOf(one[0], ours);
    expect(await tried(openTo(ours), one)).toBe(open);
    expect(open).not.toBe(0);
  });

  it.each(ALL)('%s %s: meets no row of another organisation', async (...one) => {
    const [table, command, bound] = one;
    const own = bound === 'principal' ? 0 : await countOf(table, theirs);
    expect(await tried(openTo(theirs), one)).toBe(command === 'insert' ? 'REFUSED' : own);
  });

  it.each(ALL)('%s %s: is behind the fence', async (...one) => {
    expect(await tried(openTo(ours), one, true)).toBe(STALE);
  });

  it.each(ALL.filter(([, , bound]) => bound))('%s %s: is bound by %s', async (...one) => {
    const opening = { ...openTo(ours), ...SHUT[one[2] as Bound]() };
    expect(await tried(opening, one)).toBe(nothing(one[1]));
  });

  it.each(ALL.filter(([, command]) => command === 'update'))('%s %s: moves no row', async (table) => {
    const moves = await ask(
      `select a.attname as column from pg_attribute a where a.attrelid = $1::regclass
         and a.attname in ('org_id', 'pool_id', 'principal_id') and has_column_privilege('commonplace_app', a.attrelid, a.attnum, 'update')`,
      [table],
    );
    const reach = { pools: [ours.pools['coder'], ours.pools['shared']] as string[] };
    const elsewhere: Row = { org_id: theirs.org, pool_id: ours.pools['planner'], principal_id: ours.admin };
    for (const { column } of moves as { column: string }[]) {
      const text = `update ${table} set ${column} = $1`;
      const answer = await inVain(asCaller({ ...openTo(ours), ...reach }), (unit) =>
        attempt(unit, 'update', text, [elsewhere[column]]),
      );
      expect({ column, answer }).toEqual({ column, answer: 'REFUSED' });
    }
  });
});

describe('the row policies of the service’s own tasks', () => {
  const done = (command: Command, table: string, row?: unknown) =>
    inVain(asSystem(theirs), (unit) => attempt(unit, command, TEXTS[command](table), row ? [JSON.stringify(row)] : []));

  it.each(Object.keys(BOUNDS))('%s: one organisation at a time', async (table) => {
    // The organisation is found before it can be named.
    if (table !== 'organization') expect(await done('select', table)).toBe(await countOf(table, theirs));
    // Into the audit log there is one way, and none of these.
    const refused = table.startsWith('audit_') ? DENIED : 'REFUSED';
    expect(await done('insert', table, await rowOf(table, ours))).toBe(refused);
  });
});
