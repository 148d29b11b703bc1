import { newId } from '#kernel';
import type { EmbedderKind } from '#embedding';
import type { Unit } from '#platform';
import { ownIndexName, sharedIndexName } from '../vectors/vector-indexes.repository.js';

/** CURRENT answers recalls; BUILDING is filled, to take its place; RETIRED is emptied. */
export type SpaceState = 'CURRENT' | 'BUILDING' | 'RETIRED';

export interface Space extends EmbedderKind {
  spaceId: string;
  state: SpaceState;
}

const COLUMNS = `space_id as "spaceId", model, dimensions, asked_dimensions as "askedDimensions", state`;

/** Those that memories are embedded for. */
export function findLiveSpaces(unit: Unit, orgId: string): Promise<Space[]> {
  const text = `select ${COLUMNS} from embedding_space where org_id = $1 and state <> 'RETIRED'`;
  return unit.query<Space>({ name: 'live_spaces', text, values: [orgId] });
}

/** Any number that all brokers agree on; with the organisation it is the lock of who changes its spaces. */
const SPACES_LOCK = 4_823_904;

/** All, held against changes by others until the unit ends: also where there is none yet. */
export async function lockSpaces(unit: Unit, orgId: string): Promise<Space[]> {
  await unit.query({ text: 'select pg_advisory_xact_lock($1, hashtext($2))', values: [SPACES_LOCK, orgId] });
  const text = `select ${COLUMNS} from embedding_space where org_id = $1 order by space_id for update`;
  return unit.query<Space>({ text, values: [orgId] });
}

/** A space that was on its way out comes back with what it still holds. */
export async function enterSpace(unit: Unit, orgId: string, kind: EmbedderKind, state: SpaceState): Promise<void> {
  const text = `insert into embedding_space (org_id, space_id, model, dimensions, asked_dimensions, state) values ($1, $2, $3, $4, $5, $6)
    on conflict (org_id, model, dimensions) do update set asked_dimensions = excluded.asked_dimensions, state = excluded.state`;
  const values = [orgId, newId(), kind.model, kind.dimensions, kind.askedDimensions, state];
  await unit.query({ text, values });
}

export async function setState(unit: Unit, orgId: string, spaceId: string, state: SpaceState): Promise<void> {
  const text = `update embedding_space set state = $3, retired_at = clock_timestamp(), lease_id = null, leased_until = null
    where org_id = $1 and space_id = $2`;
  await unit.query({ text, values: [orgId, spaceId, state] });
}

/** @returns false where another broker is at it, or the space is in another state by now */
export async function takeSpace(
  unit: Unit,
  orgId: string,
  space: { spaceId: string; state: SpaceState },
  lease: { id: string; ms: number },
): Promise<boolean> {
  const text = `update embedding_space set lease_id = $4, leased_until = clock_timestamp() + make_interval(secs => $5::double precision / 1000)
    where org_id = $1 and space_id = $2 and state = $3 and (lease_id = $4 or leased_until is null or leased_until < clock_timestamp())
    returning space_id`;
  return (await unit.query({ text, values: [orgId, space.spaceId, space.state, lease.id, lease.ms] })).length > 0;
}

export async function leaveSpaces(unit: Unit, orgId: string, leaseId: string): Promise<void> {
  const text = `update embedding_space set lease_id = null, leased_until = null where org_id = $1 and lease_id = $2`;
  await unit.query({ text, values: [orgId, leaseId] });
}

/** Spaces that nobody asks any more: other brokers go on with what they knew for some seconds. */
export async function findEmptied(unit: Unit, orgId: string, graceMs: number): Promise<string[]> {
  const text = `select space_id as id from embedding_space where org_id = $1 and state = 'RETIRED'
    and retired_at < clock_timestamp() - make_interval(secs => $2::double precision / 1000)`;
  return (await unit.query<{ id: string }>({ text, values: [orgId, graceMs] })).map(({ id }) => id);
}

/** @returns how many vectors went */
export async function emptySpace(unit: Unit, orgId: string, spaceId: string, atMost: number): Promise<number> {
  const text = `delete from memory_vector v using (
      select memory_id from memory_vector where org_id = $1 and space_id = $2 limit $3
    ) going where v.org_id = $1 and v.space_id = $2 and v.memory_id = going.memory_id returning 1`;
  return (await unit.query({ text, values: [orgId, spaceId, atMost] })).length;
}

/** Once it holds nothing, and the indexes named after it are gone. */
export async function removeSpace(unit: Unit, orgId: string, spaceId: string): Promise<void> {
  const text = `delete from embedding_space where org_id = $1 and space_id = $2 and state = 'RETIRED'
    and not exists (select from memory_vector where org_id = $1 and space_id = $2)
    and not exists (select from pg_class where relname = $3 or starts_with(relname, $4))`;
  await unit.query({ text, values: [orgId, spaceId, sharedIndexName(spaceId), ownIndexName(spaceId, '')] });
}

/** A memory that has its vector there, to see whether its model still gives the same. */
export async function findSample(
  unit: Unit,
  orgId: string,
  spaceId: string,
): Promise<{ content: string; embedding: number[] } | undefined> {
  const text = `select m.content, v.embedding::text as embedding from memory_vector v
    join memory m on m.org_id = v.org_id and m.memory_id = v.memory_id
    where v.org_id = $1 and v.space_id = $2 and m.content is not null order by v.memory_id desc limit 1`;
  const [row] = await unit.query<{ content: string; embedding: string }>({ text, values: [orgId, spaceId] });
  return row && { content: row.content, embedding: JSON.parse(row.embedding) as number[] };
}

/** What may be recalled, or may become so by a review: all but what was refused or forgotten, and what has expired. */
const LACKING = `from memory m where m.org_id = $1 and m.status not in ('REJECTED', 'FORGOTTEN')
  and (m.expires_at is null or m.expires_at > $3)
  and not exists (select from memory_vector v where v.org_id = $1 and v.space_id = $2 and v.memory_id = m.memory_id)`;

/** The next without a vector in the space, by their ids. */
export async function findLacking(
  unit: Unit,
  orgId: string,
  spaceId: string,
  page: { now: Date; after: string; atMost: number },
): Promise<string[]> {
  const text = `select m.memory_id as id ${LACKING} and m.memory_id > $4 order by m.memory_id limit $5`;
  const values = [orgId, spaceId, page.now, page.after, page.atMost];
  return (await unit.query<{ id: string }>({ text, values })).map(({ id }) => id);
}

export async function countLacking(unit: Unit, orgId: string, spaceId: string, now: Date): Promise<number> {
  const text = `select count(*) as count ${LACKING}`;
  return (await unit.query<{ count: number }>({ text, values: [orgId, spaceId, now] }))[0]?.count ?? 0;
}

export async function countVectors(unit: Unit, orgId: string, spaceId: string): Promise<number> {
  const text = 'select count(*) as count from memory_vector where org_id = $1 and space_id = $2';
  return (await unit.query<{ count: number }>({ text, values: [orgId, spaceId] }))[0]?.count ?? 0;
}

/** Whether any but these lack a vector. */
export async function lacksAny(
  unit: Unit,
  orgId: string,
  spaceId: string,
  beside: { now: Date; refused: readonly string[] },
): Promise<boolean> {
  const text = `select 1 ${LACKING} and m.memory_id <> all($4::uuid[]) limit 1`;
  return (await unit.query({ text, values: [orgId, spaceId, beside.now, beside.refused] })).length > 0;
}
