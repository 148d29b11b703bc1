import { ACTIONS, type Action } from '#access';
import { memoryId, oneOf, pool, text } from '../arguments.js';
import { READS, tool } from '../tool.js';

export const explainAccess = tool({
  name: 'explain_access',
  title: 'Explain access',
  description:
    'Why somebody may do something, or may not: in a pool, or with one memory. Of yourself, unless you name a role or an agent. For administrators; others see with list_pools what they may do.',
  hints: READS,
  arguments: {
    action: oneOf(ACTIONS, 'What would be done.'),
    pool: pool.optional(),
    memory_id: memoryId.optional(),
    role: text(64, 'The key of a role, in the place of an agent.').optional(),
    agent_id: text(64, 'The id of an agent.').optional(),
  },
  async run({ explain }, caller, { action, pool, memory_id, role, agent_id }) {
    const principalId = agent_id ?? (role === undefined ? caller.id : undefined);
    const asked = { action: action as Action, pool, memoryId: memory_id, role, principalId };
    const { allowed, reason, policyVersion } = await explain.explain(caller, asked);
    return `${allowed ? 'Allowed' : 'Not allowed'}, by version ${policyVersion} of the policy: ${reason}.`;
  },
});
