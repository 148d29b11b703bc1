import type { MemoryRow } from '#access';
import type { Unit } from '#platform';
import { DECISION_COLUMNS, toDecisionRow, type DecisionRecord } from '../../memory.repository.js';

/** What recall reads of a memory, as it is stored. Only of an ACTIVE one is there more than its id and status. */
export interface TermRow extends MemoryRow {
  /** As a tsvector's text. */
  terms: string;
  length: number;
  traits: number;
  /** Days since 1970. */
  day: number;
  validTo: Date | null;
  expiresAt: Date | null;
  /** Where it was asked for and there is one: as halfvec_send writes it. */
  vector?: { spaceId: string; stored: Buffer } | undefined;
}

/** As pg_current_snapshot() writes it: which transactions a look at the table has seen. */
export type Seen = string;

const COLUMNS = `${DECISION_COLUMNS}, m.terms::text as terms, m.term_count as length, m.traits, m.valid_to as "validTo",
  m.expires_at as "expiresAt", floor(date_part('epoch', coalesce(m.valid_from, m.created_at)) / 86400)::integer as day`;

type TermRecord = DecisionRecord<Omit<TermRow, 'vector'>>;
const toTermRow = (record: TermRecord): TermRow => toDecisionRow(record);

export async function seenNow(unit: Unit): Promise<Seen> {
  const [row] = await unit.query<{ seen: Seen }>({ text: 'select pg_current_snapshot()::text as seen' });
  return (row as { seen: Seen }).seen;
}

/** How many memories of a pool are ACTIVE. */
export async function countActive(unit: Unit, orgId: string, poolId: string): Promise<number> {
  const text = 'select memories from pool where org_id = $1 and pool_id = $2';
  return (await unit.query<{ memories: number }>({ text, values: [orgId, poolId] }))[0]?.memories ?? 0;
}

/** The next ACTIVE memories of a pool, by their ids. */
export async function readPage(
  unit: Unit,
  orgId: string,
  { poolId, after }: { poolId: string; after: string | null },
  atMost: number,
): Promise<TermRow[]> {
  const text = `select ${COLUMNS} from memory m where m.org_id = $1 and m.pool_id = $2 and ($3::uuid is null or m.memory_id > $3)
    and m.status = 'ACTIVE' order by m.memory_id limit $4`;
  const values = [orgId, poolId, after, atMost];
  return (await unit.query<TermRecord>({ name: 'term_page', text, values })).map(toTermRow);
}

/**
 * The lateral is entered for each pool with its own bounds; the least transaction of `seen` finds the place in the index. What a
 * restore brought from another server may have numbers that are still to come here: it was read with the pool.
 */
const changesStatement = (more = '') => `select pg_current_snapshot()::text as seen, found.*
  from (values (1)) as one (row) left join (
    select c.* from unnest($2::uuid[], $3::pg_snapshot[], $4::xid8[]) as s (pool_id, seen, least)
    cross join lateral (
      select ${COLUMNS}${more} from memory m
      where m.org_id = $1 and m.pool_id = s.pool_id and m.touched >= s.least and m.touched > '0'::xid8 and not pg_visible_in_snapshot(m.touched, s.seen)
        and m.touched < pg_snapshot_xmax(pg_current_snapshot())
      limit $5
    ) c limit $5
  ) found on true`;

const CHANGES = { name: 'term_changes', text: changesStatement() };
/** As the memory had it when it was written, or as it has it now: one look sees both. */
const CHANGES_WITH_VECTORS = {
  name: 'term_changes_with_vectors',
  text: changesStatement(`, case when m.status = 'ACTIVE' then (select halfvec_send(v.embedding) from memory_vector v
        where v.org_id = $1 and v.space_id = $6 and v.memory_id = m.memory_id) end as stored`),
};

export interface Changes {
  seen: Seen;
  /** Whatever their status is by now. */
  rows: TermRow[];
}

/** What was written in the pools that `seen` has not seen; with its vectors in a space, if one is given. */
export async function readChanges(
  unit: Unit,
  { orgId, spaceId }: { orgId: string; spaceId: string | null },
  pools: readonly { poolId: string; seen: Seen }[],
  atMost: number,
): Promise<Changes> {
  const values = [
    orgId,
    pools.map(({ poolId }) => poolId),
    pools.map(({ seen }) => seen),
    pools.map(({ seen }) => seen.slice(0, seen.indexOf(':'))),
    atMost,
  ];
  const statement = spaceId ? { ...CHANGES_WITH_VECTORS, values: [...values, spaceId] } : { ...CHANGES, values };
  const rows = await unit.query<TermRecord & { seen: Seen; stored?: Buffer | null }>(statement);
  const found = rows
    .filter(({ id }) => id !== null)
    .map(({ stored, ...row }) => ({ ...toTermRow(row), vector: spaceId && stored ? { spaceId, stored } : undefined }));
  return { seen: (rows[0] as { seen: Seen }).seen, rows: found };
}

/** Of two looks at one database the later one has seen all that the other has. */
export function isLater(a: Seen, b: Seen): boolean {
  const [, endOfA = '', openInA = ''] = a.split(':');
  const [, endOfB = '', openInB = ''] = b.split(':');
  const difference = BigInt(endOfA) - BigInt(endOfB);
  if (difference !== 0n) return difference > 0n;
  return countIn(openInA) < countIn(openInB);
}

const countIn = (list: string): number => (list === '' ? 0 : list.split(',').length);
