import type { Unit } from '#platform';
import { ANALYSIS, analyseMemory } from '../recall/analysis.js';
import { termVector } from '../recall/term-vector.js';
import { traitsOf } from '../recall/traits.js';

export interface Outdated {
  id: string;
  content: string;
  speaker: string | null;
}

/** Locked, so that none is revised in between; what another broker holds is left to it. */
export function takeOutdated(unit: Unit, orgId: string, atMost: number): Promise<Outdated[]> {
  const text = `select memory_id as id, content, speaker from memory
    where org_id = $1 and analysis < $2 and content is not null order by analysis, memory_id limit $3 for update skip locked`;
  return unit.query<Outdated>({ text, values: [orgId, ANALYSIS, atMost] });
}

/** As the writing of it would have read it now. Nothing that anybody sees of the memory changes, and no event tells of it. */
export async function storeAnalysis(unit: Unit, orgId: string, memories: readonly Outdated[]): Promise<void> {
  const terms = memories.map(analyseMemory);
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
