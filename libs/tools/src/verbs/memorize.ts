import type { Action, Importance, MemoryRow, MemoryType, Principal } from '#access';
import { LIMITS, type MemorizeOutcome } from '#memory';
import { importance, memoryType, pool, text, userId } from '../arguments.js';
import { tool, type ToolServices } from '../tool.js';

const TOLD: Record<MemorizeOutcome, string> = {
  CREATED: 'Memorized.',
  DUPLICATE: 'This is known there already, and was counted as said once more.',
  PROPOSED: 'Proposed: a reviewer decides whether others are shown it.',
  QUARANTINED: 'Held back: a reviewer looks at it before others are shown it.',
};

export const memorize = tool({
  name: 'memorize',
  title: 'Memorize',
  description:
    'Store something that your team should know later, in words that stand alone: one fact, one event or one procedure at a time. Without a pool it goes where you may write: the pool of your role, or else the shared one.',
  hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: true },
  arguments: {
    content: text(LIMITS.content, 'What to store.'),
    memory_type: memoryType,
    user_id: userId.optional(),
    importance: importance.default('medium'),
    pool: pool.optional(),
  },
  async run(services, caller, given) {
    const input = {
      content: given.content,
      type: given.memory_type.toUpperCase() as MemoryType,
      entityId: given.user_id ?? null,
      importance: given.importance.toUpperCase() as Importance,
    };
    const pool = given.pool ?? (await poolFor(services, caller, input));
    const { memory, outcome } = await services.memorize.memorize(caller, { ...input, pool });
    const key = (await services.access.pool(memory.poolId))?.key ?? memory.poolId;
    return `${TOLD[outcome]} id ${memory.id}, pool ${key}, version ${memory.version}.`;
  },
});

/** The pool of the role, or else the organisation's own: where this very memory may be written, or else proposed. */
async function poolFor(
  { access }: ToolServices,
  caller: Principal,
  memory: Pick<MemoryRow, 'type' | 'entityId' | 'importance'>,
): Promise<string | undefined> {
  const { access: rights, pools } = await access.grants(caller);
  const first = (candidates: typeof pools, key: string) =>
    candidates.find((candidate) => candidate.key === key) ?? candidates[0];
  const ofRole = first(
    pools.filter(({ kind, role }) => kind === 'ROLE' && role === caller.role),
    caller.role,
  );
  const shared = first(
    pools.filter(({ kind }) => kind === 'SHARED'),
    'shared',
  );
  const candidates = [ofRole, shared].filter((candidate) => candidate !== undefined);
  const where = (action: Action, status: 'ACTIVE' | 'PROPOSED') =>
    candidates.find(({ id: poolId }) =>
      rights.can(action, {
        id: '',
        poolId,
        status,
        authorId: caller.id,
        authorRole: caller.role,
        sessionId: null,
        speaker: null,
        labels: [],
        createdAt: new Date(),
        validFrom: null,
        ...memory,
      }),
    );
  // Where neither is allowed, the refusal is about the pool that the memory belongs in.
  return (where('WRITE', 'ACTIVE') ?? where('PROPOSE', 'PROPOSED') ?? candidates[0])?.key;
}
