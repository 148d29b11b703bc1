import { SqlParams } from '#access';
import type { Unit } from '#platform';
import { visible, type ReadScope } from '../memory.repository.js';
import { filterSql, type MemoryFilter } from '../read/memory-filter.js';
import { passageColumns } from './recall.repository.js';
import type { Passage } from './recipe.js';

/** The version of a memory that was in force at a time. */
export interface PastVersion {
  id: string;
  version: number;
  content: string;
  changedAt: Date;
}

/** A passage, but for what its text of then tells. */
export type PastText = Omit<Passage, 'length' | 'traits'> & { content: string };

/** For memories `m` that were changed since: the newest version of before. */
const versionAt = (then: string) => `cross join lateral (
      select r.version, r.content, r.changed_at from memory_revision r
      where r.org_id = m.org_id and r.memory_id = m.memory_id
      order by r.changed_at <= ${then} desc, case when r.changed_at <= ${then} then r.version end desc, r.version limit 1
    ) r`;

/** A past version is a part of the history: it is shown to whoever is shown content and author. */
function changedSince({ filter, orgId, now }: ReadScope, params: SqlParams, then: string): string {
  return `${visible(filter, params, orgId, now)} and ${filter.shows(params, 'm', 'content')}
      and ${filter.shows(params, 'm', 'author')} and m.version > 1 and m.updated_at > ${then}`;
}

/** Of the memories that were changed since, what they said then; those that were not are not among them. */
export function findVersionsAt(unit: Unit, scope: ReadScope, ids: readonly string[], at: Date): Promise<PastVersion[]> {
  const params = new SqlParams();
  const then = params.add(at, 'timestamptz');
  const text = `select m.memory_id as id, r.version, r.content, r.changed_at as "changedAt" from memory m ${versionAt(then)}
    where ${changedSince(scope, params, then)} and m.memory_id = any(${params.add(ids, 'uuid[]')})`;
  return unit.query<PastVersion>({ text, values: params.values });
}

/** What the memories that pass the filter and were changed since said then; the newest, where there are more than `atMost`. */
export function findTextsAt(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  { at, atMost }: { at: Date; atMost: number },
): Promise<PastText[]> {
  const params = new SqlParams();
  const then = params.add(at, 'timestamptz');
  const text = `select ${passageColumns(scope, filter, params)}, r.content from memory m ${versionAt(then)}
    where ${changedSince(scope, params, then)} and ${filterSql(filter, scope.filter, params)}
    order by m.memory_id desc limit ${params.add(atMost, 'integer')}`;
  return unit.query<PastText>({ text, values: params.values });
}
