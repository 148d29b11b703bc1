import { newId } from '#kernel';
import type { Database, Unit } from '#platform';

/** An organisation with a coder, its key, and one memory with all that belongs to it in each of its pools. */
export interface Tenant {
  org: string;
  coder: string;
  key: string;
  admin: string;
  /** Ids by the pool's key. */
  pools: Record<string, string>;
  memories: Record<string, string>;
}

const POOLS = ['shared', 'coder', 'planner', 'tester'];

/** Written by a superuser, who is behind no wall, and without any setting on the connection. */
export async function newTenant(database: Database): Promise<Tenant> {
  const [org, coder, admin, key, space] = [newId(), newId(), newId(), newId(), newId()];
  const write = (text: string, ...values: unknown[]) => database.maintenance(text, values);
  await write(`insert into organization values ($1, 'an organisation', $1, now())`, org);
  for (const role of ['coder', 'planner', 'tester', 'admin'])
    await write('insert into role (org_id, key) values ($1, $2)', org, role);
  await write(`insert into principal values ($1, $2, 'AGENT', 'a coder', 'coder', now())`, org, coder);
  await write(`insert into principal values ($1, $2, 'OPERATOR', 'an admin', 'admin', now())`, org, admin);
  await insertKey(database, { org, coder }, { key });
  await write(`insert into policy (org_id, version, statements) values ($1, 1, '[]')`, org);
  await write('insert into policy_head (org_id, version) values ($1, 1)', org);
  await write(`insert into policy_list values ($1, sha256('[]'), '{}')`, org);
  await write(`insert into embedding_space values ($1, $2, 'test', 2, now())`, org, space);
  await write(
    `insert into idempotency (org_id, principal_id, key, input_hash) values ($1, $2, 'mine', 'x')`,
    org,
    coder,
  );
  const entry = [org, newId(), admin];
  await write(
    `insert into audit_entry values ($1, 1, $2, now(), $3, 'role.create', 'x', '{}', sha256('x'), sha256('y'))`,
    ...entry,
  );
  const webhook = newId();
  await write(
    `insert into webhook (org_id, webhook_id, principal_id, url, secret, cursor)
     values ($1, $2, $3, 'https://example.com/', sha256('x'), 'a place')`,
    org,
    webhook,
    coder,
  );
  await write(
    `insert into webhook_dead_letter (org_id, webhook_id, event_id, kind, pool_key, memory_id, cursor, attempts)
     values ($1, $2, $3, 'MEMORIZED', 'coder', $3, 'a place', 10)`,
    org,
    webhook,
    newId(),
  );
  await write(`insert into audit_head values ($1, 1, sha256('y'))`, org);
  const tenant: Tenant = { org, coder, key, admin, pools: {}, memories: {} };
  for (const name of POOLS) {
    const pool = (tenant.pools[name] = newId());
    const memory = (tenant.memories[name] = newId());
    const kind = name === 'shared' ? ['SHARED', null] : ['ROLE', name];
    await write(
      'insert into pool (org_id, pool_id, key, kind, role_key) values ($1, $2, $3, $4, $5)',
      org,
      pool,
      name,
      ...kind,
    );
    await write(
      `insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance,
        author_id, changed_by, created_at, updated_at)
       values ($1, $2, $3, 'EPISODIC', 'ACTIVE', 'a word', $4, 'word:1', 1, 2, $5, $5, now(), now())`,
      org,
      memory,
      pool,
      Buffer.from(name),
      coder,
    );
    await write(`insert into memory_revision values ($1, $2, 1, 'before', $3, now(), null)`, org, memory, coder);
    await write('insert into memory_source values ($1, $2, $2)', org, memory);
    await write(`insert into memory_event values ($1, $2, 1, $3, 'MEMORIZED', now(), 1)`, org, pool, memory);
    await write('insert into memory_usage values ($1, $2, $3, 1, now())', org, memory, pool);
    await write('insert into pool_weights values ($1, $2, 0, 0, 0)', org, pool);
    await write('insert into pool_consolidation values ($1, $2, null, now())', org, pool);
    const run = newId();
    await write(
      `insert into consolidation_run (org_id, run_id, pool_id, dry_run, older_than_days, as_of) values ($1, $2, $3, false, 30, now())`,
      org,
      run,
      pool,
    );
    await write(
      `insert into consolidation_change (org_id, run_id, place, pool_id, kind, memory_ids, versions, reason)
       values ($1, $2, 1, $3, 'EXPIRED', array[$4::uuid], '{1}', 'it is over')`,
      org,
      run,
      pool,
      memory,
    );
    await write(`insert into pool_language values ($1, $2, 'GERMAN', 'GERMAN')`, org, pool);
    await write(`insert into memory_vector values ($1, $2, $3, $4, '[1, 0]')`, org, space, memory, pool);
    const extraction = newId();
    await write(
      `insert into extraction (org_id, extraction_id, principal_id, pool_id, status, input_hash)
       values ($1, $2, $3, $4, 'SKIPPED', 'x')`,
      org,
      extraction,
      coder,
      pool,
    );
    await write(`insert into extraction_memory values ($1, $2, $3, 'TURN', 1, $4)`, org, extraction, coder, memory);
  }
  return tenant;
}

export async function insertKey(
  database: Database,
  { org, coder }: Pick<Tenant, 'org' | 'coder'>,
  { key = newId(), revokedAt = null as Date | null, expiresAt = null as Date | null },
): Promise<string> {
  await database.maintenance(
    `insert into api_key (org_id, key_id, principal_id, prefix, hash, revoked_at, expires_at)
     values ($1, $2::uuid, $3, 'cpl_' || $2::text, sha256('x'), $4, $5)`,
    [org, key, coder, revokedAt, expiresAt],
  );
  return key;
}

export interface Opening {
  org: string;
  principal: string;
  key: string | null;
  policyVersion: number;
  directoryVersion: number;
  validUntil: Date | null;
  pools: string[];
  administer: boolean;
}

const TYPES: Record<keyof Opening, string> = {
  org: 'uuid',
  principal: 'uuid',
  key: 'uuid',
  policyVersion: 'integer',
  directoryVersion: 'integer',
  validUntil: 'timestamptz',
  pools: 'uuid[]',
  administer: 'boolean',
};

/** A unit of the tenant's coder, who reaches the pools coder and shared; or of what `changes` makes of it. */
export function unitOf<Result>(
  database: Database,
  { org, coder, key, pools }: Tenant,
  changes: Partial<Opening>,
  work: (unit: Unit) => Promise<Result>,
): Promise<Result> {
  const reach = [pools['coder'], pools['shared']] as string[];
  const usual: Opening = {
    org,
    principal: coder,
    key,
    policyVersion: 1,
    directoryVersion: 1,
    validUntil: null,
    pools: reach,
    administer: false,
  };
  const opening = { ...usual, ...changes };
  const names = Object.keys(TYPES) as (keyof Opening)[];
  const text = `select sec.open(${names.map((name, i) => `$${i + 1}::${TYPES[name]}`).join(', ')})`;
  return database.unit(
    { role: 'commonplace_app', opening: { text, values: names.map((name) => opening[name]) } },
    work,
  );
}
