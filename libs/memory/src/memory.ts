import type { Importance, MaskableField, MemoryStatus, MemoryType } from '#access';
import type { JsonObject } from '#kernel';

/** A memory as one caller may see it: fields that the policy hides are null and named in `maskedFields`. */
export interface Memory {
  id: string;
  poolId: string;
  type: MemoryType;
  status: MemoryStatus;
  content: string | null;
  entityId: string | null;
  sessionId: string | null;
  speaker: string | null;
  importance: Importance;
  labels: string[] | null;
  metadata: JsonObject | null;
  authorId: string | null;
  /** When it wrote the memory; hidden where the author is. */
  authorRole: string | null;
  maskedFields: MaskableField[];
  version: number;
  createdAt: Date;
  updatedAt: Date;
  validFrom: Date | null;
  validTo: Date | null;
  expiresAt: Date | null;
  /** Whether its vector is there; true where no embedder is configured. */
  indexed: boolean;
  /** How often recall has returned it; counted behind the answers, so it may lag by a second or two. */
  recallCount: number;
  lastRecalledAt: Date | null;
  /** Who may not see that one must not be told of it. */
  supersededById: string | null;
  /** Null before a reviewer has decided, and for what needed no decision. */
  reviewed: MemoryReview | null;
}

/** What a reviewer decided; `comment` is null where the policy hides the content, which it may quote. */
export interface MemoryReview {
  reviewerId: string;
  at: Date;
  approved: boolean;
  comment: string | null;
}

/** Whether the caller is shown what makes two memories of a pool the same. */
export const showsIdentity = ({ maskedFields }: Memory): boolean =>
  !maskedFields.includes('content') && !maskedFields.includes('entityId');

export interface MemoryRevision {
  version: number;
  content: string;
  changedBy: string;
  changedAt: Date;
  reason: string | null;
}

export type MemorizeOutcome = 'CREATED' | 'DUPLICATE' | 'PROPOSED' | 'QUARANTINED';

export interface Memorized {
  memory: Memory;
  outcome: MemorizeOutcome;
  indexed: boolean;
}
