import { COMMON, type StoredFact } from './policy-world.js';
import { sortById, type Outcome, type Visit } from './read-views.js';

/** Between the times at which memories were written and became true. */
const PAST = [
  '2025-02-01T00:00:00.000Z',
  '2025-04-01T00:00:00.000Z',
  '2025-06-15T00:00:00.000Z',
  '2025-12-01T00:00:00.000Z',
];
const RETIRED = ['SUPERSEDED', 'ARCHIVED'];

interface Hit {
  memory: { id: string; content: string };
}
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { context hits { memory { id content } } } }`;

/** Revisions, reviews and retirements of the world were made when it was, after every past moment. */
export async function recalledAsOf(visit: Visit): Promise<Outcome[]> {
  const { random } = visit;
  const moments = [random.one(PAST), new Date().toISOString(), null];
  return Promise.all(moments.map((asOf) => recalled(visit, asOf, random.below(2) === 0)));
}

async function recalled(visit: Visit, asOf: string | null, includeSuperseded: boolean): Promise<Outcome> {
  const input = { query: COMMON, limit: 100, asOf, includeSuperseded };
  const { recall } = await visit.client.ask<{ recall: { context: string; hits: Hit[] } }>(RECALL, { input });
  const isPast = asOf !== null && PAST.includes(asOf);
  const asked = { at: Date.parse(asOf ?? new Date().toISOString()), isPast, includeSuperseded };
  const shown = visit.world.facts.filter((fact) => isFound(visit, fact, asked));
  const note = { asOf, includeSuperseded };
  const heard = { note, hits: sortById(recall.hits.map(({ memory: { id, content } }) => ({ id, content }))) };
  const expected = { note, hits: sortById(shown.map((fact) => ({ id: fact.id, content: contentOf(fact, isPast) }))) };
  return { heard, expected, shown, of: visit.world.facts };
}

const contentOf = ({ versions }: StoredFact, isPast: boolean) => versions.at(isPast ? -1 : 0)?.content;

/** What is seen now, was known and true then; and of what was revised since, only where its history is shown. */
function isFound(
  { oracle }: Visit,
  fact: StoredFact,
  { at, isPast, includeSuperseded }: { at: number; isPast: boolean; includeSuperseded: boolean },
): boolean {
  const { status, attributes, versions, reviewed } = fact;
  const by = (time: unknown) => time === null || time === undefined || Date.parse(time as string) <= at;
  const isActive = status === 'ACTIVE' || (isPast && RETIRED.includes(status));
  const isAsked = isActive || (includeSuperseded && status === 'SUPERSEDED');
  if (!isAsked || versions.length === 0 || !by(attributes['createdAt']) || !by(attributes['validFrom'])) return false;
  if (!oracle.sees(fact) || !oracle.shows('content', fact)) return false;
  return !isPast || (!reviewed && (versions.length === 1 || oracle.shows('author', fact)));
}
