import { SqlParams, type DirectoryPool } from '#access';
import { binaryArray, sqlState, UNIQUE_VIOLATION, type Statement, type Unit } from '#platform';
import { ANALYSIS, analyseMemory } from '../recall/analysis.js';
import { termVectors } from '../recall/term-vector.js';
import { traitsOf } from '../recall/traits.js';
import { vectorsStatement, type Vector } from '../memory-index.repository.js';
import { importanceRank, visible, type ReadScope } from '../memory.repository.js';
import { claimValues, type IdempotencyRecord } from './idempotency.repository.js';
import { poolLock, poolLockOrder } from '../pool-locks.repository.js';
import type { RequestKey } from './request-key.repository.js';
import type { MemorizeCommand } from './memorize-command.js';

/** One memory to insert. */
export interface NewMemory {
  id: string;
  pool: Pick<DirectoryPool, 'id' | 'language'>;
  hash: Buffer;
  command: MemorizeCommand;
}

export interface Stored {
  id: string;
  poolId: string;
  hash: Buffer;
  created: boolean;
  expiresAt: Date | null;
  /** Whether the caller wrote it, now or before. */
  own: boolean;
}

export interface Write {
  orgId: string;
  authorId: string;
  authorRole: string;
  status: 'ACTIVE' | 'PROPOSED';
  policyVersion: number;
  now: Date;
  /** All that the unit may number, be it by a statement behind this one: its first locks them in their order. */
  pools: readonly string[];
}

/** What a statement of memories says of keys. */
const NO_CLAIMS = { claimed: '', parameter: '', column: '', condition: '' };

/** $23 is the key of each memory, or null; the others are all claims, of which none is made where an earlier request has the key. */
const CLAIMS = {
  claimed: `claimed as (
    insert into idempotency (org_id, principal_id, key, input_hash, memory_id, outcome)
    select $1, $17, c.* from unnest($24::text[], $25::bytea[], $26::uuid[], $27::text[]) as c (key, input_hash, memory_id, outcome)
    order by c.key on conflict (org_id, principal_id, key) do nothing returning key
  ), `,
  parameter: ', $23::text[]',
  column: ', key',
  condition: 'where i.key is null or i.key in (select key from claimed)',
};

/** $23 is the key of the request: where an earlier one has it, nothing is stored. */
const CLAIMED_WHOLE = {
  ...NO_CLAIMS,
  claimed: `claimed as (
    insert into idempotency (org_id, principal_id, key, input_hash, memory_ids) values ($1, $17, $23, $24, $25)
    on conflict (org_id, principal_id, key) do nothing returning key
  ), `,
  condition: 'where exists (select from claimed)',
};

/**
 * Memories, their events and the pools' numbers in one statement. A memory whose content stands in its pool already counts
 * as its corroboration, and makes no event. Memories come before pools, and each in one order: taken as the plan has them,
 * batches to the same pools met in deadlocks. To lock the pools' rows in order instead takes 0.13 ms of 0.9. The last condition
 * has all of them locked before the first is numbered, whatever the plan.
 */
const insertStatement = (status: Write['status'], onRepeat: string, claims = NO_CLAIMS) => `
  with ${claims.claimed}input as (
    select * from unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::text[], $6::text[], $7::tsvector[], $8::integer[], $9::text[], $10::text[],
      $11::text[], $12::smallint[], $13::jsonb[], $14::jsonb[], $15::timestamptz[], $16::timestamptz[], $20::smallint[]${claims.parameter})
      with ordinality as i (pool_id, memory_id, content_hash, type, content, terms, term_count, entity_id, session_id, speaker, importance,
        labels, metadata, valid_from, expires_at, traits${claims.column}, n)
    ${claims.condition}
  ), stored as (
    insert into memory as m (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, entity_id,
      session_id, speaker, importance, labels, metadata, author_id, author_role, changed_by, created_at, updated_at, valid_from, expires_at,
      traits, analysis)
    select $1, i.memory_id, i.pool_id, i.type, '${status}', i.content, i.content_hash, i.terms, i.term_count, i.entity_id,
      i.session_id, i.speaker, i.importance, array(select jsonb_array_elements_text(i.labels)), i.metadata, $17, $21, $17, $18, $18,
      i.valid_from, i.expires_at, i.traits, ${ANALYSIS}
    from input i order by i.pool_id, i.content_hash
    ${onRepeat}
    returning m.memory_id, m.pool_id, m.content_hash, m.expires_at, xmax = 0 as created, m.author_id = $17 as own
  ), counted as (
    select pool_id, n, ${poolLock('pool_id')}
    from (
      select pool_id, count(memory_id) as n
      from (select pool_id, memory_id from stored where created union all select pool_id, null from unnest($22::uuid[]) as l (pool_id)) c
      group by pool_id order by ${poolLockOrder('pool_id')}
    ) c
  ), numbered as (
    update pool p set seq = p.seq + c.n${status === 'ACTIVE' ? ', memories = p.memories + c.n' : ''} from counted c
    where p.org_id = $1 and p.pool_id = c.pool_id and c.n > 0 returning p.pool_id, p.seq - c.n as before
  ), logged as (
    insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
    select $1, s.pool_id, numbered.before + row_number() over (partition by s.pool_id order by i.n), s.memory_id,
      '${status === 'ACTIVE' ? 'MEMORIZED' : 'PROPOSED'}', clock_timestamp(), $19
    from stored s join input i on i.memory_id = s.memory_id join numbered on numbered.pool_id = s.pool_id where s.created
  )
  select memory_id as id, pool_id as "poolId", content_hash as hash, expires_at as "expiresAt", created, own from stored
  where (select count(*) from counted) >= 0`;

const ON_REPEAT = {
  ACTIVE: "on conflict (org_id, pool_id, content_hash) where status = 'ACTIVE'",
  PROPOSED: "on conflict (org_id, pool_id, author_id, content_hash) where status = 'PROPOSED'",
};
const CORROBORATE = 'do update set corroborations = m.corroborations + 1';

const INSERT = {
  ACTIVE: { name: 'memorize_ACTIVE', text: insertStatement('ACTIVE', `${ON_REPEAT.ACTIVE} ${CORROBORATE}`) },
  PROPOSED: { name: 'memorize_PROPOSED', text: insertStatement('PROPOSED', `${ON_REPEAT.PROPOSED} ${CORROBORATE}`) },
};
const INSERT_NEW = { name: 'memorize_new', text: insertStatement('ACTIVE', `${ON_REPEAT.ACTIVE} do nothing`) };
/** A key that was claimed for what is not stored would have to be given back: the statement fails. */
const INSERT_CLAIMED = { name: 'memorize_claimed', text: insertStatement('ACTIVE', '', CLAIMS) };
const INSERT_CLAIMED_WHOLE = { name: 'memorize_claimed_whole', text: insertStatement('ACTIVE', '', CLAIMED_WHOLE) };

/** @param memories no two with one hash in one pool: a statement cannot touch a row twice. */
export const insertMemories = (unit: Unit, write: Write, memories: readonly NewMemory[]): Promise<Stored[]> =>
  unit.query<Stored>({ ...INSERT[write.status], values: valuesOf(write, memories) });

/** Whether it is for a content that stands in its pool that a statement of memories failed. */
export const isRepeated = (error: unknown): boolean =>
  sqlState(error) === UNIQUE_VIOLATION && (error as { constraint?: string }).constraint === 'memory_active_content';

/** What goes with new memories. */
export interface Beside {
  vectors: readonly Vector[];
  /** Each for one of the memories, and no key twice. */
  claims: readonly IdempotencyRecord[];
  /** In place of claims: one for all, with the memory of each of its inputs, or null. */
  request?: { key: RequestKey; memoryIds: readonly (string | null)[] } | undefined;
}

/**
 * Those alone whose content does not stand in their pool and whose key is free, as the last of the unit; under one key all or none.
 * @throws what {@link isRepeated} where there are keys and one's content stands
 */
export async function insertNew(
  unit: Unit,
  write: Write,
  memories: readonly NewMemory[],
  { vectors, ...keys }: Beside,
): Promise<Stored[]> {
  const statement = insertKeyed(valuesOf(write, memories), memories, keys);
  if (vectors.length === 0) return unit.queryLast<Stored>(statement);
  const indexing = vectorsStatement(write.orgId, vectors);
  const [stored] = await Promise.all([unit.query<Stored>(statement), unit.queryLast(indexing)]);
  return stored;
}

function insertKeyed(
  values: unknown[],
  memories: readonly NewMemory[],
  { claims, request }: Omit<Beside, 'vectors'>,
): Statement {
  if (request) {
    const { key, inputHash } = request.key;
    return { ...INSERT_CLAIMED_WHOLE, values: [...values, key, inputHash, binaryArray.uuid(request.memoryIds)] };
  }
  if (claims.length === 0) return { ...INSERT_NEW, values };
  return { ...INSERT_CLAIMED, values: [...values, boundKeys(memories), ...claimValues(claims)] };
}

const boundKeys = (memories: readonly NewMemory[]): Buffer =>
  binaryArray.text(memories.map(({ command }) => command.idempotencyKey));

/** What the statements that insert memories bind. */
export function valuesOf(write: Write, memories: readonly NewMemory[]): unknown[] {
  const terms = memories.map(({ command, pool }) => analyseMemory(command, pool.language));
  const column = <Value>(of: (command: MemorizeCommand) => Value) => memories.map(({ command }) => of(command));
  return [
    write.orgId,
    binaryArray.uuid(memories.map((memory) => memory.pool.id)),
    binaryArray.uuid(memories.map((memory) => memory.id)),
    binaryArray.bytea(memories.map((memory) => memory.hash)),
    binaryArray.text(column((c) => c.type)),
    binaryArray.text(column((c) => c.content)),
    termVectors(terms),
    binaryArray.int4(terms.map((list) => list.length)),
    binaryArray.text(column((c) => c.entityId)),
    binaryArray.text(column((c) => c.sessionId)),
    binaryArray.text(column((c) => c.speaker)),
    binaryArray.int2(column((c) => importanceRank(c.importance))),
    binaryArray.jsonb(column((c) => c.labels)),
    binaryArray.jsonb(column((c) => c.metadata)),
    binaryArray.timestamptz(column((c) => c.validFrom)),
    binaryArray.timestamptz(column((c) => c.expiresAt)),
    write.authorId,
    write.now,
    write.policyVersion,
    binaryArray.int2(column((c) => traitsOf(c.content))),
    write.authorRole,
    write.pools,
  ];
}

/** The ACTIVE memories of the pools with these hashes, whoever may see them. */
export function findStanding(
  unit: Unit,
  orgId: string,
  wanted: readonly { poolId: string; hash: Buffer }[],
): Promise<{ id: string; poolId: string; hash: Buffer; expiresAt: Date | null }[]> {
  const text = `select m.memory_id as id, m.pool_id as "poolId", m.content_hash as hash, m.expires_at as "expiresAt"
    from (select distinct * from unnest($2::uuid[], $3::bytea[])) as w (pool_id, content_hash)
    join memory m on m.org_id = $1 and m.pool_id = w.pool_id and m.content_hash = w.content_hash and m.status = 'ACTIVE'`;
  return unit.query({ text, values: [orgId, wanted.map(({ poolId }) => poolId), wanted.map(({ hash }) => hash)] });
}

/** Memories that will be gone before a newer one of the same content: they keep everything but their claim to be the pool's. */
export async function giveUpIdentity(unit: Unit, orgId: string, memoryIds: readonly string[]): Promise<void> {
  await unit.query({
    text: 'update memory set content_hash = content_hash || uuid_send(memory_id) where org_id = $1 and memory_id = any($2::uuid[])',
    values: [orgId, memoryIds],
  });
}

/**
 * Those that the caller sees and that still say something. They stay so to the end of the unit: whoever erases one of them waits,
 * and then finds what was made of it.
 */
export async function holdSources(unit: Unit, scope: ReadScope, ids: readonly string[]): Promise<Set<string>> {
  const params = new SqlParams();
  const text = `select m.memory_id as id from memory m
    where ${visible(scope.filter, params, scope.orgId, scope.now)} and m.memory_id = any(${params.add(ids, 'uuid[]')})
      and m.content is not null
    order by m.memory_id for key share`;
  return new Set((await unit.query<{ id: string }>({ text, values: params.values })).map(({ id }) => id));
}

export async function insertSources(
  unit: Unit,
  orgId: string,
  links: readonly { memoryId: string; sourceId: string }[],
): Promise<void> {
  await unit.query({
    text: `insert into memory_source (org_id, memory_id, source_id) select $1, * from unnest($2::uuid[], $3::uuid[]) on conflict do nothing`,
    values: [orgId, links.map((link) => link.memoryId), links.map((link) => link.sourceId)],
  });
}
