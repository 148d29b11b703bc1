import { DEFAULT_LANGUAGE, type Language } from '#access';
import type { Unit } from '#platform';
import { ANALYSIS, analyseMemory } from '../recall/analysis.js';
import { termVector } from '../recall/term-vector.js';
import { traitsOf } from '../recall/traits.js';

export interface ToRead {
  id: string;
  content: string;
  speaker: string | null;
  /** Of its pool. */
  language: Language;
}

const COLUMNS = `m.memory_id as id, m.content, m.speaker, coalesce(l.language, '${DEFAULT_LANGUAGE}') as language
  from memory m left join pool_language l on l.org_id = m.org_id and l.pool_id = m.pool_id`;

/** Locked, so that none is revised in between; what another broker holds is left to it. */
export function takeOutdated(unit: Unit, orgId: string, atMost: number): Promise<ToRead[]> {
  const text = `select ${COLUMNS} where m.org_id = $1 and m.analysis < $2 and m.content is not null
    order by m.analysis, m.memory_id limit $3 for update of m skip locked`;
  return unit.query<ToRead>({ text, values: [orgId, ANALYSIS, atMost] });
}

export interface OtherLanguage {
  poolId: string;
  language: Language;
}

/** Pools whose memories were not all read in the language that the pool has by now. */
export function findOtherLanguages(unit: Unit, orgId: string, atMost: number): Promise<OtherLanguage[]> {
  const text = `select pool_id as "poolId", language from pool_language
    where org_id = $1 and language <> read_in order by pool_id limit $2`;
  return unit.query<OtherLanguage>({ text, values: [orgId, atMost] });
}

/** The next of the pool behind `after`, which is null at first; whoever holds one of them is waited for. */
export function takeOfPool(
  unit: Unit,
  orgId: string,
  { poolId, after }: { poolId: string; after: string | null },
  atMost: number,
): Promise<ToRead[]> {
  const text = `select ${COLUMNS} where m.org_id = $1 and m.pool_id = $2 and ($3::uuid is null or m.memory_id > $3)
      and m.content is not null
    order by m.memory_id limit $4 for update of m`;
  return unit.query<ToRead>({ text, values: [orgId, poolId, after, atMost] });
}

export async function settleLanguage(unit: Unit, orgId: string, { poolId, language }: OtherLanguage): Promise<void> {
  const text = 'update pool_language set read_in = $3 where org_id = $1 and pool_id = $2';
  await unit.query({ text, values: [orgId, poolId, language] });
}

/** As the writing of it would have read it now. Nothing that anybody sees of the memory changes, and no event tells of it. */
export async function storeAnalysis(unit: Unit, orgId: string, memories: readonly ToRead[]): Promise<void> {
  const terms = memories.map((memory) => analyseMemory(memory, memory.language));
  const text = `update memory m set terms = read.terms, term_count = read.term_count, traits = read.traits, analysis = $6
    from unnest($2::uuid[], $3::tsvector[], $4::integer[], $5::smallint[]) as read (memory_id, terms, term_count, traits)
    where m.org_id = $1 and m.memory_id = read.memory_id`;
  const values = [
    orgId,
    memories.map(({ id }) => id),
    terms.map(termVector),
    terms.map((list) => list.length),
    memories.map(({ content }) => traitsOf(content)),
    ANALYSIS,
  ];
  await unit.query({ text, values });
}
