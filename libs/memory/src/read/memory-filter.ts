import {
  MEMORY_STATUSES,
  type Grants,
  type Importance,
  type MaskableField,
  type MemoryStatus,
  type MemoryType,
  type ReadFilter,
  type SqlParams,
} from '#access';
import {
  boundedList,
  importance,
  labels,
  LIMITS,
  memoryType,
  oneOf,
  optionalDate,
  optionalText,
  requiredId,
} from '../input.js';
import { importanceRank } from '../memory.repository.js';
import { momentSql, type Moment } from './moment.js';
import { metadataSql, parseMetadataFilter, type MetadataCondition } from './metadata-filter.js';
import { readablePoolIds } from './pools.js';

/** What a client sends. Every condition must hold. */
export interface MemoryFilterInput {
  pools?: string[] | null;
  types?: MemoryType[] | null;
  statuses?: MemoryStatus[] | null;
  entityId?: string | null;
  sessionId?: string | null;
  authorId?: string | null;
  importance?: Importance[] | null;
  labels?: string[] | null;
  metadata?: unknown;
  createdAfter?: Date | null;
  createdBefore?: Date | null;
}

export interface MemoryFilter {
  poolIds: readonly string[] | null;
  types: readonly MemoryType[] | null;
  statuses: MemoryStatus[];
  entityId: string | null;
  sessionId: string | null;
  authorId: string | null;
  importance: Importance[] | null;
  labels: string[];
  metadata: MetadataCondition | null;
  createdAfter: Date | null;
  createdBefore: Date | null;
  /** Null where it is not asked what was true when, as in a list. */
  moment: Moment | null;
}

/** @throws BAD_INPUT naming the field below `path`. */
export function parseFilter(input: MemoryFilterInput | null | undefined, path: string, grants: Grants): MemoryFilter {
  const given = input ?? {};
  const field = (name: string) => `${path}.${name}`;
  const list = <Value>(value: unknown, name: string, item: (value: unknown, field: string) => Value) =>
    value === undefined || value === null
      ? null
      : boundedList(value, field(name), 20).map((one, index) => item(one, `${field(name)}.${index}`));
  return {
    poolIds: given.pools ? readablePoolIds(grants, given.pools, field('pools')) : null,
    types: list(given.types, 'types', memoryType),
    statuses: list(given.statuses, 'statuses', (value, at) => oneOf(value, MEMORY_STATUSES, at)) ?? ['ACTIVE'],
    entityId: optionalText(given.entityId, field('entityId'), LIMITS.entityId),
    sessionId: optionalText(given.sessionId, field('sessionId'), LIMITS.sessionId),
    authorId: given.authorId ? requiredId(given.authorId, field('authorId')) : null,
    importance: list(given.importance, 'importance', importance),
    labels: labels(given.labels, field('labels')),
    metadata:
      given.metadata === undefined || given.metadata === null
        ? null
        : parseMetadataFilter(given.metadata, field('metadata')),
    createdAfter: optionalDate(given.createdAfter, field('createdAfter')),
    createdBefore: optionalDate(given.createdBefore, field('createdBefore')),
    moment: null,
  };
}

/** Whether it asks for what is ACTIVE at this moment, and for nothing else. */
export const isActiveNow = ({ statuses, moment }: MemoryFilter): boolean =>
  statuses.length === 1 && statuses[0] === 'ACTIVE' && !moment?.named;

/** Conditions look at what the caller is shown: a filter on a hidden field matches nothing, or it would tell what is there. */
export function filterSql(filter: MemoryFilter, readFilter: ReadFilter, params: SqlParams): string {
  const shown = (field: MaskableField) => readFilter.column(params, 'm', field);
  const conditions = [`m.status = any(${params.add(filter.statuses, 'text[]')})`];
  const add = (condition: string | false | null) => condition && conditions.push(condition);
  add(filter.poolIds && `m.pool_id = any(${params.add(filter.poolIds, 'uuid[]')})`);
  add(filter.types && `m.type = any(${params.add(filter.types, 'text[]')})`);
  add(filter.entityId !== null && `${shown('entityId')} = ${params.add(filter.entityId, 'text')}`);
  add(filter.sessionId !== null && `${shown('sessionId')} = ${params.add(filter.sessionId, 'text')}`);
  add(filter.authorId !== null && `${shown('author')} = ${params.add(filter.authorId, 'uuid')}`);
  add(filter.importance && `m.importance = any(${params.add(filter.importance.map(importanceRank), 'smallint[]')})`);
  add(filter.labels.length > 0 && `${shown('labels')} @> ${params.add(filter.labels, 'text[]')}`);
  add(filter.metadata && metadataSql(filter.metadata, shown('metadata'), params));
  add(filter.createdAfter && `m.created_at > ${params.add(filter.createdAfter, 'timestamptz')}`);
  add(filter.createdBefore && `m.created_at < ${params.add(filter.createdBefore, 'timestamptz')}`);
  add(filter.moment && momentSql(filter.moment, readFilter, params));
  return conditions.join(' and ');
}
