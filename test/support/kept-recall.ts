import { COMMON, type StoredFact } from './policy-world.js';
import { sortById, type Outcome, type Visit } from './read-views.js';

interface Hit {
  memory: { id: string; content: string };
}
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { context hits { memory { id content } } } }`;

/** What holds now, from kept terms: by a word in all, by the words of what may be found, and by those of all else. */
export async function recalledFromKept(visit: Visit): Promise<Outcome[]> {
  const { world, client, oracle } = visit;
  const shown = world.facts.filter(
    (fact) => fact.status === 'ACTIVE' && oracle.sees(fact) && oracle.shows('content', fact),
  );
  const current = shown.map(({ words }) => words[0] as string);
  const others = world.facts.flatMap(({ words }) => words.filter((word) => !current.includes(word)));
  const recall = async (query: string, expected: readonly StoredFact[]): Promise<Outcome> => {
    type Recalled = { recall: { context: string; hits: Hit[] } };
    const { hits, context } = (await client.ask<Recalled>(RECALL, { input: { query, limit: 100 } })).recall;
    const told = world.facts.filter(({ words }) => words.some((word) => context.includes(word)));
    return {
      heard: { query, hits: sortById(hits.map(({ memory: { id, content } }) => ({ id, content }))), told: idsOf(told) },
      expected: {
        query,
        hits: sortById(expected.map(({ id, versions }) => ({ id, content: versions[0]?.content }))),
        told: idsOf(expected),
      },
      shown: [...expected],
      of: world.facts,
    };
  };
  // Whatever pools this principal may read by now are kept from here on.
  await recall(COMMON, shown);
  await world.api.broker.terms.settled();
  return [
    await recall(COMMON, shown),
    await recall(['about', ...current].join(' '), shown),
    await recall(others.join(' '), []),
  ];
}

const idsOf = (facts: readonly { id: string }[]): string[] => facts.map(({ id }) => id);
