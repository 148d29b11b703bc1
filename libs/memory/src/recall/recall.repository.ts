import { SqlParams } from '#access';
import type { Unit } from '#platform';
import { toSql } from 'pgvector';
import { visible, type ReadScope } from '../memory.repository.js';
import { filterSql, type MemoryFilter } from '../read/memory-filter.js';
import type { Candidate } from './lexical-score.js';
import { anyTerm } from './term-vector.js';

/** More texts that hold one of the query's words are not looked at; the answer then says so. */
export const MAX_CANDIDATES = 20_000;
const MAX_NEAREST = 200;

export interface LexicalCandidate extends Candidate {
  poolId: string;
  /** Whether it passes the caller's filter: those that do not still count for how common a word is. */
  wanted: boolean;
}

export interface LexicalSearch {
  candidates: LexicalCandidate[];
  /** How many memories the caller may read in the searched pools. */
  documents: number;
  /** Whether there were more than could be looked at. */
  cut: boolean;
}

interface SearchRow {
  documents: number;
  searched: number;
}

export interface Nearest {
  id: string;
  poolId: string;
  cosine: number;
}

/**
 * Every memory in the searched pools that the caller may read and that holds one of the terms.
 *
 * The search runs in a function of its own, because row-level security keeps Postgres from using the text index (`@@` is
 * not leakproof); it answers ids and counts, and this statement lets through what the caller may see.
 */
export async function lexicalCandidates(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  terms: readonly string[],
): Promise<LexicalSearch> {
  const params = new SqlParams();
  const readable = `${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}
    and m.status = any(${params.add(filter.statuses, 'text[]')})`;
  const search = [
    params.add(scope.filter.poolIds, 'uuid[]'),
    params.add(filter.statuses, 'text[]'),
    `${params.add(anyTerm(terms), 'text')}::tsquery`,
    params.add(terms, 'text[]'),
    params.add(MAX_CANDIDATES, 'integer'),
  ];
  // What is readable is looked through once, for the count and for the candidates: it costs what the policy costs.
  const text = `with c as materialized (select * from sec.lexical_candidates(${search.join(', ')})),
    r as materialized (
      select m.memory_id, m.pool_id, ${filterSql(filter, scope.filter, params)} as wanted from memory m where ${readable}
    )
    select found.*, (select count(*) from r) as documents, (select count(*) from c) as searched
    from (values (1)) as one (row) left join (
      select c.memory_id as id, r.pool_id as "poolId", c.term_count as length, c.lexemes as terms, c.frequencies, r.wanted
      from c join r on r.memory_id = c.memory_id
    ) found on true`;
  const rows = await unit.query<LexicalCandidate & SearchRow>({ text, values: params.values });
  const first = rows[0] as SearchRow;
  return {
    candidates: rows.filter((row) => row.id !== null),
    documents: first.documents,
    cut: first.searched >= MAX_CANDIDATES,
  };
}

/**
 * The nearest memories by meaning, exactly: every readable vector is compared.
 * `+ 0` keeps the planner from an approximate index, which loses most of what a narrow caller may see.
 */
export function nearest(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  vector: readonly number[],
): Promise<Nearest[]> {
  const params = new SqlParams();
  const distance = `(v.embedding <=> ${params.add(toSql(vector), 'text')}::halfvec)`;
  const text = `select m.memory_id as id, m.pool_id as "poolId", 1 - ${distance} as cosine
    from memory_vector v join memory m on m.org_id = v.org_id and m.memory_id = v.memory_id
    where v.org_id = ${params.add(scope.orgId, 'uuid')} and v.space_id = ${params.add(scope.space?.spaceId ?? null, 'uuid')}
      and v.pool_id = any(${params.add(scope.filter.poolIds, 'uuid[]')})
      and ${visible(scope.filter, params, scope.orgId, scope.now)} and ${scope.filter.shows(params, 'm', 'content')}
      and ${filterSql(filter, scope.filter, params)}
    order by ${distance} + 0 limit ${params.add(MAX_NEAREST, 'integer')}`;
  return unit.query<Nearest>({ text, values: params.values });
}
