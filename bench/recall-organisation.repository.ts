import { AccessService, accessEntities, ensureOrganization, type Principal } from '#access';
import { newId } from '#kernel';
import { Database } from '#platform';
import { createHash } from 'node:crypto';
import { migrations } from '../migrations/index.js';
import { createBenchDatabase } from './bench-database.repository.js';
import { analyseMemory } from '../libs/memory/src/recall/analysis.js';
import { termVector } from '../libs/memory/src/recall/term-vector.js';
import { type PolicyStatement } from '../libs/access/src/policy/index.js';
import { ENTITIES, OTHER_POOLS, READABLE } from './statements.js';
import { Writer } from './writer.js';

const IN_READABLE = 500;
const IN_OTHERS = 100;

/** An organisation of 200 pools in a database of its own, with a coder who reads three of them by the default policy. */
export interface Organisation {
  database: Database;
  orgId: string;
  coder: Principal;
  /** Stores a version of the policy; it is not active yet. */
  addPolicy: (version: number, statements: readonly PolicyStatement[]) => Promise<void>;
  activate: (version: number) => Promise<void>;
  /** Of the pools that the coder reads by the default policy. */
  readable: string[];
}

export async function withOrganisation<Result>(
  serverUrl: string,
  work: (organisation: Organisation) => Promise<Result>,
): Promise<Result> {
  const { url, drop } = await createBenchDatabase(serverUrl);
  try {
    const database = await Database.open({ url, entities: accessEntities, migrations });
    try {
      await database.migrate();
      return await work(await found(database));
    } finally {
      await database.close();
    }
  } finally {
    await drop();
  }
}

async function found(database: Database): Promise<Organisation> {
  const { orgId } = await ensureOrganization(database, undefined);
  const coder = await insertCoder(database, orgId);
  const pools = Array.from({ length: OTHER_POOLS }, (_, nth) => ({ id: newId(), key: `pool-${nth}` }));
  await database.maintenance(
    `insert into pool (org_id, pool_id, key, kind)
     select $1, r.id, r.key, 'SHARED' from jsonb_to_recordset($2::jsonb) as r(id uuid, key text)`,
    [orgId, JSON.stringify(pools)],
  );
  const { rows } = await database.maintenance<{ id: string; key: string }>(
    'select pool_id as id, key from pool where org_id = $1 order by key',
    [orgId],
  );
  const writer = new Writer();
  for (const { id, key } of rows) {
    await insertMemories(database, { orgId, poolId: id, authorId: coder.id }, writer.write(sizeOf(key)));
  }
  await database.maintenance(
    `update pool p set memories = (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id)`,
  );
  // Else their plans would be of an empty table, while every measured recall adds to it.
  await database.maintenance(
    `insert into memory_usage (org_id, memory_id, pool_id, recall_count, last_recalled_at)
     select org_id, memory_id, pool_id, 1, now() from memory`,
  );
  await database.maintenance('vacuum analyze');
  return {
    database,
    orgId,
    coder,
    readable: rows.filter(({ key }) => READABLE.includes(key)).map(({ id }) => id),
    addPolicy: async (version, statements) => {
      const text = 'insert into policy (org_id, version, statements) values ($1, $2, $3::jsonb)';
      await database.maintenance(text, [orgId, version, JSON.stringify(statements)]);
    },
    activate: async (version) => {
      await database.maintenance('update policy_head set version = $2 where org_id = $1', [orgId, version]);
    },
  };
}

const sizeOf = (poolKey: string) => (READABLE.includes(poolKey) ? IN_READABLE : IN_OTHERS);

async function insertCoder(database: Database, orgId: string): Promise<Principal> {
  const coder = { id: newId(), keyId: newId(), kind: 'AGENT' as const, name: 'a coder', role: 'coder' };
  await database.maintenance(
    `insert into principal (org_id, principal_id, kind, name, role_key) values ($1, $2, 'AGENT', 'a coder', 'coder')`,
    [orgId, coder.id],
  );
  await database.maintenance(
    `insert into api_key (org_id, key_id, principal_id, prefix, hash) values ($1, $2, $3, 'cpl_bench', sha256('bench'))`,
    [orgId, coder.keyId, coder.id],
  );
  return { orgId, tokenExpiresAt: null, ...coder };
}

/** Straight into the table: how fast memories are written is another workload's question. */
async function insertMemories(
  database: Database,
  { orgId, poolId, authorId }: { orgId: string; poolId: string; authorId: string },
  contents: readonly string[],
): Promise<void> {
  const rows = contents.map((content, nth) => {
    const terms = analyseMemory({ content });
    return {
      id: newId(),
      content,
      hash: createHash('sha256').update(`${poolId}${nth}`).digest('hex'),
      terms: termVector(terms),
      count: terms.length,
      entity: `project-${nth % ENTITIES}`,
      session: `session-${nth % 25}`,
      speaker: `speaker-${nth % 7}`,
      // One in fifty is hidden by the denies of labels, however many of them there are.
      labels: [`topic-${nth % 17}`, nth % 50 === 0 ? `secret-${nth % ENTITIES}` : `area-${nth % 5}`],
    };
  });
  await database.maintenance(
    `insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, entity_id,
       session_id, speaker, labels, importance, author_id, changed_by, created_at, updated_at)
     select $1, r.id, $2, 'EPISODIC', 'ACTIVE', r.content, decode(r.hash, 'hex'), r.terms::tsvector, r.count, r.entity,
       r.session, r.speaker, array(select jsonb_array_elements_text(r.labels)), 2, $3, $3, now(), now()
     from jsonb_to_recordset($4::jsonb) as r(id uuid, content text, hash text, terms text, count integer, entity text,
       session text, speaker text, labels jsonb)`,
    [orgId, poolId, authorId, JSON.stringify(rows)],
  );
}

/** The search of words without the walls: row-level security and the fence are part of what a policy costs. */
const WITHOUT_WALLS = [
  'create schema bench',
  `create function bench.lexical_candidates(
     pools uuid[], statuses text[], query_terms text[], alive_at timestamptz, budget integer, at_most integer
   ) returns table (memory_id uuid, pool_id uuid, term_count integer, frequencies text, session_id text, speaker text,
     written timestamptz, traits smallint, holds boolean)
   language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
   declare
     query tsquery := array_to_string(array(select quote_literal(a) from unnest(query_terms) a), ' | ');
   begin
     return query
       select m.memory_id, m.pool_id, m.term_count, ts_filter(setweight(m.terms, 'A', query_terms), '{a}')::text,
         m.session_id, m.speaker, coalesce(m.valid_from, m.created_at), m.traits, true
       from public.memory m
       where m.org_id = (select nullif(current_setting('app.org', true), '')::uuid) and m.pool_id = any (pools)
         and m.status = any (statuses) and m.terms @@ query and (m.expires_at is null or m.expires_at > alive_at)
       limit at_most;
   end $$`,
  'grant usage on schema bench to commonplace_system',
];

/** The gate's place taken by one that knows no policy: the same work, as the system, on the pools that the caller reads. */
export async function withoutPolicy({ database, orgId, coder, readable }: Organisation): Promise<AccessService> {
  for (const text of WITHOUT_WALLS) await database.maintenance(text);
  const gate = new AccessService(database, orgId);
  const grants = await gate.grants(coder);
  const readWithin: AccessService['readWithin'] = (_caller, ask, work) =>
    gate.system('bench', (unit, filter) => {
      const query: typeof unit.query = (statement) =>
        unit.query({
          ...statement,
          text: statement.text.replace('sec.lexical_candidates', 'bench.lexical_candidates'),
        });
      const within = { query, queryLast: unit.queryLast.bind(unit), entities: unit.entities.bind(unit) };
      const open = { ...grants, readFilter: filter.narrow(readable) };
      return work(within, open, ask(open));
    });
  return Object.assign(gate, { readWithin });
}
