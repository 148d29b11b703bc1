import type { Memory } from '#memory';
import type { FeedEvent } from '../event.js';

/** Beside the kinds of the feed: events are missing, for the log no longer holds them. */
export type SentEvent = Omit<FeedEvent, 'kind'> & { kind: FeedEvent['kind'] | 'GAP' };

const ABOUT_THE_FEED: readonly string[] = ['GAP', 'SCOPE_CHANGED'];

/** What a receiver is sent, as JSON. */
export function payload({ memory, ...event }: SentEvent): string {
  const family = ABOUT_THE_FEED.includes(event.kind) ? 'feed' : 'memory';
  return JSON.stringify({
    type: `${family}.${event.kind.toLowerCase()}`,
    timestamp: event.at ?? new Date(),
    data: { ...event, memory: memory && shown(memory, event.poolKey) },
  });
}

/** Named one by one: who may see a memory need not see all that is known of it, such as what replaced it. */
function shown(memory: Memory, pool: string | null) {
  const { id, type, status, content, entityId, sessionId, speaker, importance, labels, metadata, authorId } = memory;
  const { maskedFields, version, createdAt, updatedAt, validFrom, validTo, expiresAt } = memory;
  const what = {
    id,
    pool,
    type,
    status,
    content,
    entityId,
    sessionId,
    speaker,
    importance,
    labels,
    metadata,
    authorId,
  };
  return { ...what, maskedFields, version, createdAt, updatedAt, validFrom, validTo, expiresAt };
}
