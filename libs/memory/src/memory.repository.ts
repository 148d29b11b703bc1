import {
  IMPORTANCES,
  SqlParams,
  type KnownRows,
  type Importance,
  type MaskableField,
  type MemoryRow,
  type ReadFilter,
} from '#access';
import type { Unit } from '#platform';
import type { Memory, MemoryReview, MemoryRevision } from './memory.js';

/** Where vectors stand, or null where no embedder is configured. */
export interface IndexSpace {
  spaceId: string;
  /** How dear a search of the index is against comparing; see SearchCosts. */
  exactFactor?: number;
}

/** As Postgres answers it. */
export interface MemoryRecord extends Omit<Memory, 'importance' | 'reviewed' | 'recallCount' | 'lastRecalledAt'> {
  importance: number;
  /** Count and time; null before the first recall. */
  usage: [number, string] | null;
  reviewed: (Omit<MemoryReview, 'at'> & { at: string }) | null;
}

/** Of one memory; older ones stay stored. */
const MAX_REVISIONS = 100;

export const importanceRank = (importance: Importance): number => IMPORTANCES.indexOf(importance) + 1;
const importanceName = (rank: number): Importance => IMPORTANCES[rank - 1] as Importance;

/** One look into the narrow table for both. Whoever may see the memory is shown them: no field of a policy can hide them. */
const USAGE = `(select jsonb_build_array(u.recall_count, u.last_recalled_at) from memory_usage u
    where u.org_id = m.org_id and u.memory_id = m.memory_id) as usage`;

/** The projection of a memory through what the policy lets a caller see of it. */
export function memoryColumns(filter: ReadFilter, params: SqlParams, space: IndexSpace | null): string {
  const shown = (field: MaskableField, name: string) => `${filter.column(params, 'm', field)} as "${name}"`;
  const indexed = space
    ? `exists (select from memory_vector v where v.org_id = m.org_id and v.space_id = ${params.add(space.spaceId, 'uuid')} and v.memory_id = m.memory_id)`
    : 'true';
  return [
    'm.memory_id as id',
    'm.pool_id as "poolId"',
    'm.type',
    'm.status',
    shown('content', 'content'),
    shown('entityId', 'entityId'),
    shown('sessionId', 'sessionId'),
    shown('speaker', 'speaker'),
    'm.importance',
    shown('labels', 'labels'),
    shown('metadata', 'metadata'),
    shown('author', 'authorId'),
    `${shownWith(filter, params, 'author', 'm.author_role')} as "authorRole"`,
    `${filter.maskedFields(params, 'm')} as "maskedFields"`,
    'm.version',
    'm.created_at as "createdAt"',
    'm.updated_at as "updatedAt"',
    'm.valid_from as "validFrom"',
    'm.valid_to as "validTo"',
    'm.expires_at as "expiresAt"',
    `${indexed} as indexed`,
    USAGE,
    'm.superseded_by as "supersededById"',
    `case when m.reviewed_by is not null then jsonb_build_object('reviewerId', m.reviewed_by, 'at', m.reviewed_at,
      'approved', m.status <> 'REJECTED' and not m.was_held, 'comment', case when ${filter.shows(params, 'm', 'content')} then m.review_comment end) end as reviewed`,
  ].join(', ');
}

/** What a statement that hides the field hides too. */
function shownWith(filter: ReadFilter, params: SqlParams, field: MaskableField, column: string): string {
  const shown = filter.shows(params, 'm', field);
  return shown === 'true' ? column : `case when ${shown} then ${column} end`;
}

/** In force at every read: the organisation, the policy, and that the memory has not expired. */
export function visible(filter: ReadFilter, params: SqlParams, orgId: string, now: Date): string {
  return `m.org_id = ${params.add(orgId, 'uuid')} and ${filter.where(params, 'm')}
    and (m.expires_at is null or m.expires_at > ${params.add(now, 'timestamptz')})`;
}

/** Field by field: by rest and spread each was an object of 3 KB that outlived its answer, and recalls took a sixth longer. */
export const toMemory = (row: MemoryRecord): Memory => ({
  id: row.id,
  poolId: row.poolId,
  type: row.type,
  status: row.status,
  content: row.content,
  entityId: row.entityId,
  sessionId: row.sessionId,
  speaker: row.speaker,
  importance: importanceName(row.importance),
  labels: row.labels,
  metadata: row.metadata,
  authorId: row.authorId,
  authorRole: row.authorRole,
  maskedFields: row.maskedFields,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  validFrom: row.validFrom,
  validTo: row.validTo,
  expiresAt: row.expiresAt,
  indexed: row.indexed,
  recallCount: row.usage?.[0] ?? 0,
  lastRecalledAt: row.usage && new Date(row.usage[1]),
  supersededById: row.supersededById,
  reviewed: row.reviewed && { ...row.reviewed, at: new Date(row.reviewed.at) },
});

export interface ReadScope {
  orgId: string;
  filter: ReadFilter;
  now: Date;
  space: IndexSpace | null;
}

/**
 * The memories among `ids` that the caller may see, in no particular order.
 * @param known the rows of all of them, as they were; what has changed since may be missing
 */
export async function findMemories(
  unit: Pick<Unit, 'query'>,
  scope: ReadScope,
  ids: readonly string[],
  known?: KnownRows,
): Promise<Memory[]> {
  if (ids.length === 0 || (scope.filter.poolIds.length === 0 && !scope.filter.unrestricted)) return [];
  const params = new SqlParams(known);
  const text = `select ${memoryColumns(scope.filter, params, scope.space)} from memory m
    where ${visible(scope.filter, params, scope.orgId, scope.now)} and m.memory_id = any(${params.add(ids, 'uuid[]')})`;
  return (await unit.query<MemoryRecord>({ text, values: params.values, keep: true })).map(toMemory);
}

/** As one row of `memoriesTogether`. */
export interface MemoryTogether extends MemoryRecord {
  /** The author of a memory that nobody else among those who see alike may see. */
  onlyFor: string | null;
}

/** The memories `m` that all who see alike may see, for a statement that says which of them. */
export function memoriesTogether({ orgId, filter, now, space }: ReadScope, params: SqlParams): string {
  return `select ${memoryColumns(filter, params, space)}, ${filter.onlyFor(params, 'm')} as "onlyFor" from memory m
    where ${visible(filter, params, orgId, now)}`;
}

/** What a decision reads of a memory. */
export const DECISION_COLUMNS = `m.memory_id as id, m.pool_id as "poolId", m.type, m.status, m.was_held as "wasHeld", m.entity_id as "entityId",
  m.session_id as "sessionId", m.speaker, m.author_id as "authorId", m.author_role as "authorRole", m.importance, m.labels, m.created_at as "createdAt",
  m.valid_from as "validFrom"`;

export type DecisionRecord<Row extends MemoryRow = MemoryRow> = Omit<Row, 'importance'> & { importance: number };

export const toDecisionRow = <Row extends MemoryRow>(record: DecisionRecord<Row>): Row =>
  ({ ...record, importance: importanceName(record.importance) }) as unknown as Row;

/** What a decision reads of a memory; undefined where the caller does not see it. */
export async function findDecisionRow(unit: Unit, scope: ReadScope, id: string): Promise<MemoryRow | undefined> {
  const params = new SqlParams();
  const text = `select ${DECISION_COLUMNS} from memory m
    where ${visible(scope.filter, params, scope.orgId, scope.now)} and m.memory_id = ${params.add(id, 'uuid')}`;
  const [record] = await unit.query<DecisionRecord>({ text, values: params.values });
  return record && toDecisionRow(record);
}

/** The same, whole and locked for a change. */
export async function lockMemory(unit: Unit, scope: ReadScope, id: string): Promise<LockedMemory | undefined> {
  return (await lockMemories(unit, scope, [id]))[0];
}

/** In the order of their ids, so that two that lock the same do not wait for each other. */
export async function lockMemories(unit: Unit, scope: ReadScope, ids: readonly string[]): Promise<LockedMemory[]> {
  const params = new SqlParams();
  const text = `select ${DECISION_COLUMNS}, m.version, m.content, m.metadata, m.expires_at as "expiresAt", m.updated_at as "updatedAt",
      m.changed_by as "changedBy", m.change_reason as "changeReason", m.promoted_from as "promotedFrom", m.origin_authors as "originAuthors"
    from memory m where ${visible(scope.filter, params, scope.orgId, scope.now)} and m.memory_id = any(${params.add(ids, 'uuid[]')})
    order by m.memory_id for update`;
  const records = await unit.query<DecisionRecord<LockedMemory>>({ text, values: params.values });
  return records.map((record) => toDecisionRow(record));
}

export interface LockedMemory extends MemoryRow {
  labels: string[];
  version: number;
  content: string | null;
  metadata: Memory['metadata'];
  expiresAt: Date | null;
  updatedAt: Date;
  changedBy: string;
  changeReason: string | null;
  /** For a promoted copy. */
  promotedFrom: string | null;
  /** Whose words a promoted copy holds, through all promotions. */
  originAuthors: string[];
}

const APPEND_EVENT = `with numbered as (
    update pool set seq = seq + 1, memories = memories + $6 where org_id = $1 and pool_id = $2 returning seq
  )
  insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
  select $1, $2, seq, $3, $4, clock_timestamp(), $5 from numbered`;

/** One event of one memory, under the pool's next number. Writers of many events number them in their own statement. */
export async function appendEvent(
  unit: Unit,
  event: {
    orgId: string;
    poolId: string;
    memoryId: string;
    kind: 'REVISED' | 'SUPERSEDED' | 'FORGOTTEN' | 'REVIEWED';
    policyVersion: number;
    /** How many more of the pool's memories are ACTIVE by it. */
    active: -1 | 0 | 1;
  },
): Promise<void> {
  const { orgId, poolId, memoryId, kind, policyVersion, active } = event;
  await unit.query({
    name: 'append_event',
    text: APPEND_EVENT,
    values: [orgId, poolId, memoryId, kind, policyVersion, active],
  });
}

/** Sources that the caller may see, by memory: of none that it may not see itself. */
export async function findSources(
  unit: Unit,
  scope: ReadScope,
  memoryIds: readonly string[],
): Promise<Map<string, string[]>> {
  const params = new SqlParams();
  const seen = visible(scope.filter, params, scope.orgId, scope.now);
  const text = `select s.memory_id as "memoryId", array_agg(s.source_id order by s.source_id) as sources
    from memory_source s join memory m on m.org_id = s.org_id and m.memory_id = s.source_id
    where ${seen} and s.memory_id = any(${params.add(memoryIds, 'uuid[]')})
      and exists (select from memory m where ${seen} and m.memory_id = s.memory_id)
    group by s.memory_id`;
  const rows = await unit.query<{ memoryId: string; sources: string[] }>({ text, values: params.values });
  return new Map(rows.map((row) => [row.memoryId, row.sources]));
}

/** The newest versions of each, newest first; none where the caller may not see the memory's content, or who wrote it. */
export async function findHistories(
  unit: Unit,
  scope: ReadScope,
  memoryIds: readonly string[],
  atMost: number,
): Promise<RevisionOf[]> {
  const params = new SqlParams();
  const shown = `${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}
    and ${scope.filter.shows(params, 'm', 'author')} and m.memory_id = any(${params.add(memoryIds, 'uuid[]')})`;
  const text = `select * from (
      select *, row_number() over (partition by "memoryId" order by version desc) as place from (
        select m.memory_id as "memoryId", m.version, m.content, m.changed_by as "changedBy", m.updated_at as "changedAt", m.change_reason as reason
        from memory m where ${shown} and m.content is not null
        union all
        select r.memory_id, r.version, r.content, r.changed_by, r.changed_at, r.reason
        from memory_revision r join memory m on m.org_id = r.org_id and m.memory_id = r.memory_id where ${shown}
      ) revision
    ) newest where place <= ${MAX_REVISIONS} order by "memoryId", version desc limit ${params.add(atMost, 'integer')}`;
  return unit.query<RevisionOf>({ text, values: params.values });
}

export interface RevisionOf extends MemoryRevision {
  memoryId: string;
}
