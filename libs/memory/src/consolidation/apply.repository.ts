import type { Language } from '#access';
import type { JsonObject } from '#kernel';
import type { Unit } from '#platform';
import { contentHash } from '../memorize/memorize-command.js';
import { ANALYSIS, analyseMemory } from '../recall/analysis.js';
import { termVector } from '../recall/term-vector.js';
import { traitsOf } from '../recall/traits.js';
import type { PoolScope } from './snapshot.repository.js';

/** A memory that is made of others; what it does not say here it takes from the first of them. */
export interface NewSummary {
  id: string;
  firstId: string;
  sourceIds: readonly string[];
  content: string;
  entityId: string | null;
  speaker: string | null;
  metadata: JsonObject | null;
  createdAt: Date;
  validFrom: Date | null;
}

/** The pool's next numbers for the rows of `changed`, in their order, and how many more of its memories are ACTIVE by them. */
const numbered = (changed: string, active: -1 | 0 | 1) => `numbered as (
    update pool p set seq = p.seq + c.n, memories = p.memories + (${active}) * c.n from (select count(*)::integer as n from ${changed}) c
    where p.org_id = $1 and p.pool_id = $2 and c.n > 0 returning p.seq - c.n as before
  )`;
const logged = (changed: string, kind: string) => `logged as (
    insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
    select $1, $2, numbered.before + row_number() over (order by c.memory_id), c.memory_id, ${kind}, clock_timestamp(),
      (select version from policy_head where org_id = $1)
    from ${changed} c cross join numbered
  )`;

const INSERT = `with input as (
    select * from unnest($3::uuid[], $4::uuid[], $5::bytea[], $6::text[], $7::tsvector[], $8::integer[], $9::smallint[], $10::jsonb[],
      $11::timestamptz[], $12::timestamptz[])
      as i (memory_id, first_id, content_hash, content, terms, term_count, traits, metadata, created_at, valid_from)
  ), made as (
    insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, traits, analysis,
      entity_id, session_id, speaker, importance, labels, metadata, author_id, author_role, changed_by, change_reason, origin_authors,
      created_at, updated_at, valid_from, valid_to, expires_at, consolidated_at)
    select $1, i.memory_id, $2, s.type, 'ACTIVE', i.content, i.content_hash, i.terms, i.term_count, i.traits, ${ANALYSIS},
      s.entity_id, s.session_id, s.speaker, s.importance, s.labels, i.metadata, s.author_id, s.author_role, s.author_id, 'consolidated', s.origin_authors,
      i.created_at, $13, i.valid_from, s.valid_to, s.expires_at, clock_timestamp()
    from input i join memory s on s.org_id = $1 and s.pool_id = $2 and s.memory_id = i.first_id
    order by i.content_hash on conflict do nothing returning memory_id
  ), ${numbered('made', 1)}, ${logged('made', `'MEMORIZED'`)}
  select memory_id as id from made`;

/**
 * The version that is active, and stays so to the end of the unit: what is told apart by it is told apart by whoever reads what
 * the unit has made.
 */
export async function holdPolicy(unit: Unit, orgId: string): Promise<number> {
  const text = 'select version from policy_head where org_id = $1 for share';
  return (await unit.query<{ version: number }>({ text, values: [orgId] }))[0]?.version ?? 0;
}

/** With their events. Their sources are retired by then: one of them may say the very same. @returns those that were made */
export async function insertSummaries(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  summaries: readonly NewSummary[],
  { now, language }: { now: Date; language: Language },
): Promise<Set<string>> {
  const terms = summaries.map((summary) => analyseMemory(summary, language));
  const column = <Value>(of: (summary: NewSummary) => Value) => summaries.map(of);
  const values = [
    orgId,
    poolId,
    column(({ id }) => id),
    column(({ firstId }) => firstId),
    column((summary) => contentHash(summary)),
    column(({ content }) => content),
    terms.map(termVector),
    terms.map((list) => list.length),
    column(({ content }) => traitsOf(content)),
    column(({ metadata }) => metadata && JSON.stringify(metadata)),
    column(({ createdAt }) => createdAt),
    column(({ validFrom }) => validFrom),
    now,
  ];
  const made = await unit.query<{ id: string }>({ text: INSERT, values });
  return new Set(made.map(({ id }) => id));
}

/** What the sources were folded into. */
export async function succeed(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  links: readonly { memoryId: string; sourceId: string }[],
): Promise<void> {
  const text = `update memory m set superseded_by = l.memory_id from unnest($3::uuid[], $4::uuid[]) as l (memory_id, source_id)
    where m.org_id = $1 and m.pool_id = $2 and m.memory_id = l.source_id and m.status = 'ARCHIVED'`;
  const values = [orgId, poolId, links.map(({ memoryId }) => memoryId), links.map(({ sourceId }) => sourceId)];
  await unit.query({ text, values });
}

/** How often the sources were recalled is how often what is made of them was. */
export async function inheritUsage(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  summaryIds: readonly string[],
): Promise<void> {
  const text = `insert into memory_usage (org_id, memory_id, pool_id, recall_count, last_recalled_at)
    select $1, s.memory_id, $2, least(sum(u.recall_count), 2147483647)::integer, max(u.last_recalled_at)
    from memory_source s join memory_usage u on u.org_id = $1 and u.memory_id = s.source_id
    where s.org_id = $1 and s.memory_id = any($3::uuid[]) and u.pool_id = $2 group by s.memory_id
    on conflict (org_id, memory_id) do nothing`;
  await unit.query({ text, values: [orgId, poolId, summaryIds] });
}

export interface Retired {
  id: string;
  status: 'ARCHIVED' | 'SUPERSEDED';
  /** Null for what is only over. */
  successorId: string | null;
}

const RETIRE = `with gone as (
    select * from unnest($3::uuid[], $4::text[], $5::uuid[]) as g (memory_id, status, successor)
  ), retired as (
    update memory m set status = g.status, superseded_by = g.successor from gone g
    where m.org_id = $1 and m.pool_id = $2 and m.memory_id = g.memory_id and m.status = 'ACTIVE' returning m.memory_id
  ), ${numbered('retired', -1)}, ${logged('retired', `'SUPERSEDED'`)}
  select memory_id as id from retired`;

/** Neither a version nor a revision: what the memories say is what their authors said. With their events. */
export async function retire(unit: Unit, { orgId, poolId }: PoolScope, retired: readonly Retired[]): Promise<void> {
  const values = [
    orgId,
    poolId,
    retired.map(({ id }) => id),
    retired.map(({ status }) => status),
    retired.map(({ successorId }) => successorId),
  ];
  await unit.query({ text: RETIRE, values });
}

export interface Weighed {
  id: string;
  from: number;
  to: number;
}

const WEIGH = `with moved as (
    select * from unnest($3::uuid[], $4::smallint[], $5::smallint[]) as w (memory_id, "from", "to")
  ), weighed as (
    update memory m set importance = w."to" from moved w
    where m.org_id = $1 and m.pool_id = $2 and m.memory_id = w.memory_id and m.status = 'ACTIVE' and m.importance = w."from"
    returning m.memory_id
  ), ${numbered('weighed', 0)}, ${logged('weighed', `'REVISED'`)}
  select memory_id as id from weighed`;

/** No version either: it is no change of what anybody said. With their events. */
export async function weighMemories(
  unit: Unit,
  { orgId, poolId }: PoolScope,
  weighed: readonly Weighed[],
): Promise<void> {
  const column = (name: keyof Weighed) => weighed.map((one) => one[name]);
  await unit.query({ text: WEIGH, values: [orgId, poolId, column('id'), column('from'), column('to')] });
}

const RESTORE = `with restored as (
    update memory m set status = 'ACTIVE', superseded_by = null
    where m.org_id = $1 and m.pool_id = $2 and m.memory_id = any($3::uuid[]) and m.status in ('ARCHIVED', 'SUPERSEDED')
      and not exists (
        select from memory o where o.org_id = $1 and o.pool_id = $2 and o.content_hash = m.content_hash and o.status = 'ACTIVE')
    returning m.memory_id
  ), ${numbered('restored', 1)}, ${logged('restored', `'REVISED'`)}
  select memory_id as id from restored`;

/** Back from where `retire` has put them. @returns those whose content does not stand in the pool again by now */
export async function restore(unit: Unit, { orgId, poolId }: PoolScope, ids: readonly string[]): Promise<Set<string>> {
  const restored = await unit.query<{ id: string }>({ text: RESTORE, values: [orgId, poolId, ids] });
  return new Set(restored.map(({ id }) => id));
}
