import type { Memory } from '#memory';

export type LoggedKind = 'MEMORIZED' | 'REVISED' | 'SUPERSEDED' | 'FORGOTTEN' | 'PROPOSED' | 'REVIEWED';

/** One thing that a subscriber hears of. CHECKPOINT and SCOPE_CHANGED are about the subscription and name no memory. */
export interface FeedEvent {
  /** The same whenever the event is delivered again. */
  id: string;
  kind: LoggedKind | 'CHECKPOINT' | 'SCOPE_CHANGED';
  cursor: string;
  at: Date | null;
  memory: Memory | null;
  memoryId: string | null;
  poolKey: string | null;
  policyVersion: number;
}
