import { SqlParams, type MaskableField } from '#access';
import type { Unit } from '#platform';
import { visible, type ReadScope } from '../memory.repository.js';
import { filterSql, isActiveNow, type MemoryFilter } from '../read/memory-filter.js';
import type { TermTable } from './lexical-score.js';
import { REACH, type Passage } from './recipe.js';
import { readFrequencies } from './term-vector.js';

/** More texts that hold one of the query's words are not looked at; the answer then says so. */
export const MAX_CANDIDATES = 20_000;
/** In pools of more than twice as many memories, the rarest of the query's terms find about so many candidates. */
export const CANDIDATE_BUDGET = 2_000;
/** Of one session; of a longer one only what stands around the best is read. */
export const MAX_OF_SESSION = 120;

/** Memories that hold a term of the question, and how often each holds each of them. */
export interface LexicalSearch extends TermTable {
  passages: readonly Passage[];
  /** How many memories the caller may read in the searched pools. */
  documents: number;
  /** How many of them hold each term, where that is more than the passages that do. */
  documentFrequencies: ReadonlyMap<string, number> | null;
  /** Whether there were more than could be looked at. */
  cut: boolean;
}

type CandidateRow = Passage & { frequencies: string };

const dayOf = (time: string) => `floor(date_part('epoch', ${time}) / 86400)::integer as day`;

/**
 * Every memory in the searched pools that the caller may read and that holds one of the terms.
 *
 * The search runs in a function of its own, because row-level security keeps Postgres from using the text index (`@@` is
 * not leakproof). It asks what the walls ask, so where the policy opens whole pools its rows are the answer; elsewhere this
 * statement lets through what the caller may see.
 */
export function lexicalCandidates(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  terms: readonly string[],
): Promise<LexicalSearch> {
  return readsWhole(scope, filter)
    ? candidatesOfWholePools(unit, scope, filter, terms)
    : candidatesAmongReadable(unit, scope, filter, terms);
}

/** What is counted for a whole pool is what the caller may read of it: its ACTIVE memories that have not expired. */
const readsWhole = (scope: ReadScope, filter: MemoryFilter): boolean =>
  scope.filter.readsWhole() && isActiveNow(filter);

async function candidatesOfWholePools(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  terms: readonly string[],
): Promise<LexicalSearch> {
  const params = new SqlParams();
  const plain = isPlain(filter);
  // The rarest terms of the pool may be none of those in the few memories that a filter leaves.
  const search = searchCall({ scope, filter, terms, budget: plain ? CANDIDATE_BUDGET : null }, params);
  const wanted = plain ? null : filterSql(filter, scope.filter, params);
  const behind =
    wanted && `left join memory m on m.org_id = ${params.add(scope.orgId, 'uuid')} and m.memory_id = c.memory_id`;
  const text = `select c.memory_id as id, c.pool_id as "poolId", c.term_count as length, c.frequencies, c.session_id as "sessionId",
      c.speaker, ${dayOf('c.written')}, c.traits, ${wanted ?? 'c.holds'} as wanted, ${countOfWholePools(scope, params)} as documents
    from ${search} c ${behind ?? ''}`;
  const rows = await unit.query<CandidateRow & { documents: number }>({
    text,
    values: params.values,
    keep: true,
    ...(plain && { plan: 'generic' }),
  });
  const found = rows.filter(({ id }) => id !== null);
  const counts = rows.filter(({ id }) => id === null);
  return {
    ...tableOf(found, terms),
    documents: rows[0]?.documents ?? 0,
    documentFrequencies: counts.length ? new Map(counts.map((row) => [row.frequencies, row.length])) : null,
    cut: found.length >= MAX_CANDIDATES,
  };
}

/** Beside the candidates, of which none needs it where there are none: a statement of its own took as long as the counting. */
function countOfWholePools({ orgId, filter, now }: ReadScope, params: SqlParams): string {
  const [org, pools] = [params.add(orgId, 'uuid'), params.add(filter.poolIds, 'uuid[]')];
  return `((select coalesce(sum(memories), 0) from pool where org_id = ${org} and pool_id = any(${pools}))
    - (select count(*) from memory where org_id = ${org} and pool_id = any(${pools}) and status = 'ACTIVE'
        and expires_at <= ${params.add(now, 'timestamptz')}))::integer`;
}

async function candidatesAmongReadable(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  terms: readonly string[],
): Promise<LexicalSearch> {
  const params = new SqlParams();
  const shown = (field: MaskableField) => scope.filter.column(params, 'm', field);
  const readable = `${isReadable(scope, params)} and m.status = any(${params.add(filter.statuses, 'text[]')})`;
  const query = params.add(terms.map((term) => `'${term}'`).join(' | '), 'tsquery');
  const asked = params.add(terms, 'text[]');
  // What is readable is looked through once, for the count and for the candidates: it costs what the policy costs. Cut is among
  // them and not before: what others hold must neither push out what the caller may read, nor tell of itself by doing so.
  const text = `with r as materialized (
      select m.memory_id as id, m.pool_id as "poolId", m.term_count as length,
        case when m.terms @@ ${query} then ts_filter(setweight(m.terms, 'A', ${asked}), '{a}')::text end as frequencies,
        ${shown('sessionId')} as "sessionId", ${shown('speaker')} as speaker, ${dayOf('coalesce(m.valid_from, m.created_at)')},
        m.traits, ${filterSql(filter, scope.filter, params)} as wanted
      from memory m where ${readable}
    )
    select found.*, (select count(*) from r) as documents
    from (values (1)) as one (row) left join (
      select * from r where frequencies is not null limit ${params.add(MAX_CANDIDATES, 'integer')}
    ) found on true`;
  const rows = await unit.query<CandidateRow & { documents: number }>({ text, values: params.values, keep: true });
  const found = rows.filter((row) => row.id !== null);
  const { documents } = rows[0] as { documents: number };
  return { ...tableOf(found, terms), documents, documentFrequencies: null, cut: found.length >= MAX_CANDIDATES };
}

interface LexicalQuestion {
  scope: ReadScope;
  filter: MemoryFilter;
  terms: readonly string[];
  budget: number | null;
}

function searchCall({ scope, filter, terms, budget }: LexicalQuestion, params: SqlParams): string {
  return `sec.lexical_candidates(${params.add(scope.filter.poolIds, 'uuid[]')}, ${params.add(filter.statuses, 'text[]')},
    ${params.add(terms, 'text[]')}, ${params.add(scope.now, 'timestamptz')}, ${params.add(budget, 'integer')},
    ${params.add(MAX_CANDIDATES, 'integer')})`;
}

/** Whether it asks for nothing but pools, statuses and what holds now, which are the search's own. */
export const isPlain = ({ labels, ...filter }: MemoryFilter): boolean =>
  labels.length === 0 &&
  Object.entries(filter).every(([name, asked]) => ['poolIds', 'statuses', 'moment'].includes(name) || asked === null);

const isReadable = (scope: ReadScope, params: SqlParams): string =>
  `${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}`;

function tableOf(rows: readonly CandidateRow[], terms: readonly string[]): TermTable & { passages: Passage[] } {
  const columns = new Map(terms.map((term, column) => [term, column]));
  const counts = new Uint8Array(rows.length * terms.length);
  const passages = rows.map(({ frequencies, ...passage }, row) => {
    const held = readFrequencies(frequencies);
    held.terms.forEach((term, at) => {
      const column = columns.get(term);
      if (column !== undefined) counts[row * terms.length + column] = held.frequencies[at] as number;
    });
    return passage;
  });
  return { passages, terms, counts, lengths: lengthsOf(passages) };
}

export function lengthsOf(passages: readonly Passage[]): Float64Array {
  const lengths = new Float64Array(passages.length);
  passages.forEach(({ length }, row) => (lengths[row] = length));
  return lengths;
}

export interface SessionRef {
  poolId: string;
  sessionId: string;
}

/** The first {@link MAX_OF_SESSION} memories of each session that the caller may read, in the order of writing. */
export function memoriesOfSessions(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  sessions: readonly SessionRef[],
): Promise<Passage[]> {
  const params = new SqlParams();
  const text = `select p.* from unnest(${params.add(
    sessions.map(({ poolId }) => poolId),
    'uuid[]',
  )}, ${params.add(
    sessions.map(({ sessionId }) => sessionId),
    'text[]',
  )}) as s (pool_id, session_id)
    cross join lateral (
      select ${passageColumns(scope, filter, params)} from memory m
      where ${inSession(scope, filter, params)} order by m.memory_id limit ${params.add(MAX_OF_SESSION, 'integer')}
    ) p`;
  return unit.query<Passage>({ text, values: params.values, keep: true });
}

export interface Anchor extends SessionRef {
  id: string;
}

/** Each anchor with the memories that stand within {@link REACH} of it in its session. */
export async function memoriesAround(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  anchors: readonly Anchor[],
): Promise<Passage[][]> {
  const params = new SqlParams();
  const columns = passageColumns(scope, filter, params);
  const within = inSession(scope, filter, params);
  const reach = params.add(REACH, 'integer');
  const side = (comparison: string, order: string, most: string) =>
    `(select ${columns} from memory m where ${within} and m.memory_id ${comparison} s.memory_id order by m.memory_id ${order} limit ${most})`;
  const text = `select s.memory_id as anchor, p.* from unnest(${params.add(
    anchors.map(({ poolId }) => poolId),
    'uuid[]',
  )}, ${params.add(
    anchors.map(({ sessionId }) => sessionId),
    'text[]',
  )}, ${params.add(
    anchors.map(({ id }) => id),
    'uuid[]',
  )}) as s (pool_id, session_id, memory_id)
    cross join lateral (${side('<', 'desc', reach)} union all ${side('>=', 'asc', `${reach} + 1`)}) p`;
  const rows = await unit.query<Passage & { anchor: string }>({ text, values: params.values, keep: true });
  const windows = new Map<string, Passage[]>();
  for (const { anchor, ...passage } of rows) windows.set(anchor, [...(windows.get(anchor) ?? []), passage]);
  return [...windows.values()];
}

/** Of a memory `m`. */
export function passageColumns(scope: ReadScope, filter: MemoryFilter, params: SqlParams): string {
  const shown = (field: MaskableField) => scope.filter.column(params, 'm', field);
  return `m.memory_id as id, m.pool_id as "poolId", m.term_count as length, ${shown('sessionId')} as "sessionId",
    ${shown('speaker')} as speaker, ${dayOf('coalesce(m.valid_from, m.created_at)')}, m.traits,
    ${filterSql(filter, scope.filter, params)} as wanted`;
}

function inSession(scope: ReadScope, filter: MemoryFilter, params: SqlParams): string {
  return `m.pool_id = s.pool_id and m.session_id = s.session_id and ${isReadable(scope, params)}
    and ${scope.filter.shows(params, 'm', 'sessionId')} and m.status = any(${params.add(filter.statuses, 'text[]')})`;
}
