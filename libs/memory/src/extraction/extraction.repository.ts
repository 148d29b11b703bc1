import type { Principal } from '#access';
import type { Unit } from '#platform';
import type { Extraction, ExtractionStatus, Part, PartMemory } from './extraction.js';

const SHOWN = `e.extraction_id as id, e.pool_id as "poolId", e.status, e.attempts, e.turns_read as "turnsRead", e.refused, e.error,
  e.created_at as "createdAt", case when e.status <> 'QUEUED' then e.finished_at end as "finishedAt"`;

export interface NewExtraction {
  id: string;
  poolId: string;
  status: ExtractionStatus;
  error: string | null;
  idempotencyKey: string | null;
  inputHash: Buffer;
}

/** @returns undefined where the key was used before */
export async function insertExtraction(
  unit: Unit,
  caller: Principal,
  { id, poolId, status, error, idempotencyKey, inputHash }: NewExtraction,
): Promise<Extraction | undefined> {
  const text = `insert into extraction as e (org_id, extraction_id, principal_id, key_id, pool_id, status, error, idempotency_key,
      input_hash, finished_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $6 <> 'QUEUED' then now() end)
    on conflict (org_id, principal_id, idempotency_key) where idempotency_key is not null do nothing returning ${SHOWN}`;
  const values = [caller.orgId, id, caller.id, caller.keyId, poolId, status, error, idempotencyKey, inputHash];
  return (await unit.query<Extraction>({ text, values }))[0];
}

export async function findByKey(
  unit: Unit,
  caller: Principal,
  key: string,
): Promise<(Extraction & { inputHash: Buffer }) | undefined> {
  const text = `select ${SHOWN}, e.input_hash as "inputHash" from extraction e
    where e.org_id = $1 and e.principal_id = $2 and e.idempotency_key = $3`;
  return (await unit.query<Extraction & { inputHash: Buffer }>({ text, values: [caller.orgId, caller.id, key] }))[0];
}

/** Of the caller's own. */
export async function findExtraction(unit: Unit, caller: Principal, id: string): Promise<Extraction | undefined> {
  const text = `select ${SHOWN} from extraction e where e.org_id = $1 and e.principal_id = $2 and e.extraction_id = $3`;
  return (await unit.query<Extraction>({ text, values: [caller.orgId, caller.id, id] }))[0];
}

export function findParts(unit: Unit, orgId: string, id: string): Promise<PartMemory[]> {
  const text = `select part, memory_id as "memoryId", outcome from extraction_memory
    where org_id = $1 and extraction_id = $2 order by part, place`;
  return unit.query<PartMemory>({ text, values: [orgId, id] });
}

/** Behind those of the same part that are there. */
export async function insertParts(
  unit: Unit,
  caller: Principal,
  id: string,
  { part, memories }: { part: Part; memories: readonly Omit<PartMemory, 'part'>[] },
): Promise<void> {
  if (memories.length === 0) return;
  const text = `insert into extraction_memory (org_id, extraction_id, principal_id, part, place, memory_id, outcome)
    select $1, $2, $3, $4, there.n + m.n, m.memory_id, m.outcome
    from unnest($5::uuid[], $6::text[]) with ordinality as m (memory_id, outcome, n)
    cross join (select count(*) as n from extraction_memory where org_id = $1 and extraction_id = $2 and part = $4) there`;
  const column = <Key extends 'memoryId' | 'outcome'>(key: Key) => memories.map((memory) => memory[key]);
  const values = [caller.orgId, id, caller.id, part, column('memoryId'), column('outcome')];
  await unit.query({ text, values });
}

/** What a job is to do, and as whom. */
export interface ExtractionTask extends Extraction {
  principal: Principal;
}

interface TaskRow extends Extraction, Omit<Principal, 'tokenExpiresAt' | 'id'> {
  principalId: string;
}

/** By the service: the principal as it is by now, under the key that the extraction was asked for with. */
export async function findTask(unit: Unit, orgId: string, id: string): Promise<ExtractionTask | undefined> {
  const text = `select ${SHOWN}, e.org_id as "orgId", p.principal_id as "principalId", p.kind, p.name, p.role_key as role, e.key_id as "keyId"
    from extraction e join principal p on p.org_id = e.org_id and p.principal_id = e.principal_id
    where e.org_id = $1 and e.extraction_id = $2`;
  const [row] = await unit.query<TaskRow>({ text, values: [orgId, id] });
  if (!row) return undefined;
  const { principalId, kind, name, role, keyId, ...extraction } = row;
  return { ...extraction, principal: { orgId, id: principalId, kind, name, role, keyId, tokenExpiresAt: null } };
}

export interface Progress {
  from: number;
  to: number;
  refused: number;
  isLast: boolean;
}

/** In the unit that stores what was learnt from the turns. @returns false where another has read them meanwhile */
export async function noteRead(unit: Unit, caller: Principal, id: string, progress: Progress): Promise<boolean> {
  // Each part of the conversation has all the tries.
  const text = `update extraction set turns_read = $5, refused = refused + $6, error = null, attempts = case when $7 then attempts else 0 end,
      status = case when $7 then 'SUCCEEDED' else status end, finished_at = now()
    where org_id = $1 and principal_id = $2 and extraction_id = $3 and turns_read = $4 and status = 'QUEUED'
    returning extraction_id`;
  const { from, to, refused, isLast } = progress;
  return (await unit.query({ text, values: [caller.orgId, caller.id, id, from, to, refused, isLast] })).length > 0;
}

/** By the service: the principal may have no way in any more. */
export async function noteFailure(
  unit: Unit,
  orgId: string,
  id: string,
  { status, error, asked }: { status: ExtractionStatus; error: string; asked: boolean },
): Promise<void> {
  const text = `update extraction set attempts = attempts + $5, error = left($4, 300), status = $3, finished_at = now()
    where org_id = $1 and extraction_id = $2 and status = 'QUEUED'`;
  await unit.query({ text, values: [orgId, id, status, error, asked ? 1 : 0] });
}

/**
 * From where it stopped, under the key that asks now. While it is QUEUED, `finished_at` says when something came of it last, or it was
 * enqueued again.
 * @returns undefined where it is done, or a job for it is under way by all signs
 */
export async function queueAgain(
  unit: Unit,
  caller: Principal,
  id: string,
  lostAfterSeconds: number,
): Promise<Extraction | undefined> {
  const text = `update extraction e set status = 'QUEUED', attempts = 0, error = null, finished_at = now(), key_id = $4
    where e.org_id = $1 and e.principal_id = $2 and e.extraction_id = $3 and (e.status in ('FAILED', 'SKIPPED')
      or e.status = 'QUEUED' and coalesce(e.finished_at, e.created_at) < now() - make_interval(secs => $5)) returning ${SHOWN}`;
  const values = [caller.orgId, caller.id, id, caller.keyId, lostAfterSeconds];
  return (await unit.query<Extraction>({ text, values }))[0];
}

/**
 * Whether none of these memories was forgotten, whoever may see them. They stay so to the end of the unit, which must not have written
 * anything yet: who forgets one waits, and would be waited for. So would who repeats one: it holds that memory and waits for the pool,
 * which is locked when one of these is replaced.
 */
export async function holdRemembered(unit: Unit, orgId: string, ids: readonly string[]): Promise<boolean> {
  const text = `select status from memory where org_id = $1 and memory_id = any($2::uuid[]) order by memory_id for update`;
  const found = await unit.query<{ status: string }>({ text, values: [orgId, ids] });
  return found.every(({ status }) => status !== 'FORGOTTEN');
}

/** Another has taken its place, and is so from now on. */
export async function supersede(
  unit: Unit,
  caller: Principal,
  { id, by, at }: { id: string; by: string; at: Date },
): Promise<void> {
  const text = `update memory set status = 'SUPERSEDED', superseded_by = $3, valid_to = coalesce(valid_to, $5), changed_by = $4, updated_at = $5
    where org_id = $1 and memory_id = $2 and status = 'ACTIVE'`;
  await unit.query({ text, values: [caller.orgId, id, by, caller.id, at] });
}
