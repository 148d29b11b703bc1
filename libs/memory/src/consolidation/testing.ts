import { newId } from '#kernel';
import type { Held } from './consolidation.js';

/** An ACTIVE memory for specs: written at noon of a day. */
export function held(rest: Partial<Held> & { content: string }): Held {
  return {
    id: newId(),
    poolId: POOL,
    type: 'EPISODIC',
    status: 'ACTIVE',
    entityId: null,
    sessionId: null,
    speaker: null,
    authorId: AUTHOR,
    authorRole: 'planner',
    importance: 'MEDIUM',
    labels: [],
    createdAt: new Date('2026-01-10T12:00:00Z'),
    validFrom: null,
    version: 1,
    metadata: null,
    validTo: null,
    expiresAt: null,
    consolidatedAt: null,
    promotedFrom: null,
    recallCount: 0,
    lastRecalledAt: null,
    ...rest,
  };
}

const POOL = newId();
const AUTHOR = newId();
