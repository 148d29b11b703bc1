import { LIMITS } from '#memory';
import { pool, text, userId, wholeNumber } from '../arguments.js';
import { READS, tool } from '../tool.js';
import { tellMemories } from '../told-memories.js';

const MISSING: Record<string, string> = {
  VECTOR: 'The search by meaning did not answer: these were found by their words alone.',
  CANDIDATES: 'The words of the query are in very many memories, and not all of them were compared: name rarer ones.',
};

export const remember = tool({
  name: 'remember',
  title: 'Remember',
  description:
    'Search the shared memory of your team for what is known: facts, what happened before, how things are done. Call it before you answer or act on anything that somebody may have found out already.',
  hints: READS,
  arguments: {
    query: text(LIMITS.query, 'What you want to know, in a sentence or in a few words.'),
    user_id: userId.optional(),
    max_results: wholeNumber(1, 50, 'How many memories at most.').default(5),
    pool: pool.optional(),
  },
  async run(services, caller, { query, user_id, max_results, pool }) {
    const { hits, degraded } = await services.recall.recall(caller, {
      query,
      entityId: user_id,
      limit: max_results,
      pools: pool === undefined ? undefined : [pool],
    });
    const notes = degraded.flatMap((what) => MISSING[what] ?? []);
    if (hits.length === 0) return ['No relevant memories found.', ...notes].join('\n');
    const counted = hits.length === 1 ? '1 memory.' : `${hits.length} memories, the most relevant first.`;
    const memories = hits.map(({ memory }) => memory);
    return [counted, ...notes, await tellMemories(services, caller, memories)].join('\n');
  },
});
