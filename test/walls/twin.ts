import { newId } from '#kernel';
import type { Twins } from './twins.js';

/** Of every table of an organisation, whichever there are: foreign keys are not asked meanwhile. */
const COPY = (from: string, to: string) => `do $$
  declare name text;
  begin
    set local session_replication_role = replica;
    for name in
      select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
    loop
      execute format(
        'insert into %1$I select (jsonb_populate_record(r, ''{"org_id": "${to}"}'')).* from %1$I r where r.org_id = ''${from}''', name);
    end loop;
  end $$`;

/** Another organisation with the ids of the first; afterwards each has a few things that the other has not. */
export async function makeTwin(twins: Twins): Promise<string> {
  const twin = newId();
  const { database, org } = twins;
  await insertHolders(twins);
  await database.maintenance(COPY(org, twin));
  await tellDirectoriesApart(twins, twin);
  await tellPoliciesApart(twins, twin);
  await tellKeysApart(twins, twin);
  await tellClaimsApart(twins, twin);
  await insertMemoryThere(twins, twin);
  await tellRevisionsApart(twins, twin);
  await tellVectorsApart(twins, twin);
  await tellUsageApart(twins, twin);
  await tellLogsApart(twins, twin);
  await tellRunsApart(twins, twin);
  await tellFeedsApart(twins, twin);
  return twin;
}

/** One without a key, as the identity provider's are; one whose only key was revoked. */
const HOLDERS = { tokens: newId(), revoked: newId() };

async function insertHolders({ database, org }: Twins): Promise<void> {
  for (const [name, id] of Object.entries(HOLDERS)) {
    await database.maintenance('insert into role (org_id, key) values ($1, $2)', [org, name]);
    await database.maintenance(`insert into principal values ($1, $2, 'AGENT', $3, $3, now())`, [org, id, name]);
  }
}

/** What is there alone, and is asked for here; and a role that will be made here later. */
export const THERE_ALONE = {
  agent: newId(),
  key: newId(),
  memory: newId(),
  pool: newId(),
  poolKey: 'there-alone',
  role: 'there-alone',
  laterRole: 'new',
};

async function tellDirectoriesApart({ database }: Twins, twin: string): Promise<void> {
  const { agent, key, pool, poolKey, role, laterRole } = THERE_ALONE;
  const run = (text: string, ...values: unknown[]) => database.maintenance(text, [twin, ...values]);
  for (const one of [role, laterRole]) await run('insert into role (org_id, key) values ($1, $2)', one);
  await run(`insert into principal values ($1, $2, 'AGENT', 'there alone', 'coder', now())`, agent);
  await run(`insert into pool (org_id, pool_id, key, kind) values ($1, $2, $3, 'SHARED')`, pool, poolKey);
  await run(`insert into principal values ($1, $2, 'OPERATOR', 'older', 'admin', now() - interval '1 day')`, newId());
  await run(
    `insert into api_key (org_id, key_id, principal_id, prefix, hash) values ($1, $2, $3, 'there', sha256('x'))`,
    key,
    agent,
  );
}

/** A condition stands there alone, in every version that there is by now. */
export async function tellPoliciesApart({ database }: Twins, twin: string): Promise<void> {
  const where = { speaker: { eq: 'there alone' }, validFrom: { lt: '2001-01-01T00:00:00Z' } };
  const statement = { id: 'there-alone', effect: 'DENY', roles: ['coder'], actions: ['READ'], pools: ['*'], where };
  await database.maintenance('update policy set statements = statements || $2::jsonb where org_id = $1', [
    twin,
    JSON.stringify([statement]),
  ]);
}

/** Of every pool, the newest event is further there: also of the coders', which has one more here. */
async function tellFeedsApart({ database }: Twins, twin: string): Promise<void> {
  await database.maintenance(
    `with p as (update pool set seq = seq + 2 where org_id = $1 returning pool_id, seq)
     insert into memory_event select $1, pool_id, seq, $2, 'MEMORIZED', now(), 1 from p`,
    [twin, newId()],
  );
}

/** Its newest entry is another. */
async function tellLogsApart({ database }: Twins, twin: string): Promise<void> {
  await database.maintenance(
    `insert into audit_entry select org_id, seq + 1000, $2, at, principal_id, action, target, detail, previous_hash, hash
     from audit_entry where org_id = $1 and seq = 1`,
    [twin, newId()],
  );
}

async function tellKeysApart({ database, org }: Twins, twin: string): Promise<void> {
  const insert = (owner: string, holder: string, revoked: boolean) =>
    database.maintenance(
      `insert into api_key (org_id, key_id, principal_id, prefix, hash, revoked_at)
       values ($1, $2::uuid, $3, $2::text, sha256('x'), case when $4 then now() end)`,
      [owner, newId(), holder, revoked],
    );
  await insert(org, HOLDERS.revoked, true);
  await insert(twin, HOLDERS.revoked, false);
  await insert(twin, HOLDERS.tokens, true);
}

/** Keys that are free here and taken there, and more old ones there than are swept at once. */
async function tellClaimsApart({ database, org, callers }: Twins, twin: string): Promise<void> {
  const insert = `insert into idempotency (org_id, principal_id, key, input_hash, created_at)`;
  for (const key of ['free here', 'stands here', 'refused here'])
    await database.maintenance(`${insert} values ($1, $2, $3, 'x', now())`, [twin, callers.coder.id, key]);
  for (const key of ['of all', 'of what stands', 'refused'])
    await database.maintenance(`${insert} values ($1, $2, $3, 'x', now())`, [twin, callers.annie.id, key]);
  const old = `${insert} select $1, $2, 'old ' || n, 'x', now() - interval '2 days' from generate_series(1, $3::integer) n`;
  await database.maintenance(old, [twin, callers.coder.id, 300]);
  await database.maintenance(old, [org, callers.coder.id, 1]);
}

/** Counted there are others than here; and a pool has weights, a language and a schedule there alone. */
async function tellUsageApart({ database, org, ids }: Twins, twin: string): Promise<void> {
  const insert = (owner: string, id: string, count: number) =>
    database.maintenance(
      `insert into memory_usage select org_id, memory_id, pool_id, $3, now() from memory where org_id = $1 and memory_id = $2`,
      [owner, id, count],
    );
  await insert(org, ids.planners, 1);
  for (const id of [ids.planners, ids.coders, ids.forgotten]) await insert(twin, id, 7);
  await database.maintenance(
    `insert into pool_weights select org_id, pool_id, 0, 0, 0 from pool where org_id = $1 and key in ('coder', 'shared')`,
    [twin],
  );
  await database.maintenance(
    `insert into pool_language select org_id, pool_id, 'GERMAN', 'ENGLISH' from pool where org_id = $1 and key in ('coder', 'shared')`,
    [twin],
  );
  await database.maintenance(
    `insert into pool_consolidation (org_id, pool_id, cron) select org_id, pool_id, '0 5 * * *' from pool where org_id = $1 and key = 'coder'`,
    [twin],
  );
}

/** One that waits longest, one that read on last, one that the schedule began last. */
async function tellRunsApart({ database }: Twins, twin: string): Promise<void> {
  const text = `insert into consolidation_run
      (org_id, run_id, pool_id, status, dry_run, older_than_days, as_of, requested_at, scheduled_for, read_to)
    select org_id, gen_random_uuid(), pool_id, $3, false, 0, now(), now() + $4::interval, $5, gen_random_uuid()
    from pool where org_id = $1 and key = $2`;
  await database.maintenance(text, [twin, 'shared', 'QUEUED', '-1 year', null]);
  await database.maintenance(text, [twin, 'coder', 'SUCCEEDED', '1 year', null]);
  await database.maintenance(text, [twin, 'tester', 'SUCCEEDED', '1 year', new Date()]);
}

/** What was revised here was revised more often there, by others. */
async function tellRevisionsApart({ database, callers }: Twins, twin: string): Promise<void> {
  await database.maintenance(
    `insert into memory_revision select (jsonb_populate_record(r, jsonb_build_object(
       'version', 99, 'content', 'there alone', 'changed_by', $2::uuid))).*
     from memory_revision r where r.org_id = $1 and r.version = 1`,
    [twin, callers.reviewer.id],
  );
}

/** In the pool of the coders, whose log tells of it here too. */
async function insertMemoryThere({ database, org, ids }: Twins, twin: string): Promise<void> {
  await database.maintenance(
    `insert into memory select (jsonb_populate_record(m, jsonb_build_object(
       'memory_id', $3::uuid, 'content', 'there alone', 'content_hash', 'x there alone'))).*
     from memory m where m.org_id = $1 and m.memory_id = $2`,
    [twin, ids.coders, THERE_ALONE.memory],
  );
  await database.maintenance(
    `update pool p set memories = memories + 1 from memory m
     where m.org_id = $1 and m.memory_id = $2 and p.org_id = $1 and p.pool_id = m.pool_id`,
    [twin, THERE_ALONE.memory],
  );
  await database.maintenance(
    `with p as (update pool set seq = seq + 1 where org_id = $1 and key = 'coder' returning pool_id, seq)
     insert into memory_event select $1, pool_id, seq, $2, 'MEMORIZED', now(), 1 from p`,
    [org, THERE_ALONE.memory],
  );
}

async function tellVectorsApart({ database, org, ids }: Twins, twin: string): Promise<void> {
  const run = (text: string, values: unknown[]) => database.maintenance(text, values);
  await run('delete from memory_vector where org_id = $1 and memory_id = $2', [org, ids.unindexed]);
  await run(
    `update memory set status = 'ACTIVE', was_held = false, content = 'not forgotten there', content_hash = 'x'
    where org_id = $1 and memory_id = $2`,
    [twin, ids.forgotten],
  );
  await run(
    `update pool p set memories = memories + 1 from memory m
    where m.org_id = $1 and m.memory_id = $2 and p.org_id = $1 and p.pool_id = m.pool_id`,
    [twin, ids.forgotten],
  );
  await run(`insert into embedding_space values ($1, $2, 'test', 3, now() + interval '1 hour')`, [twin, newId()]);
  await run(
    `update pool set vector_tier = 'SHARED', vector_space = (select space_id from memory_vector where org_id = $1 limit 1)
    where org_id = $1 and key = 'coder'`,
    [twin],
  );
}
