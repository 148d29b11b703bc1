import type { MemoryType, Principal } from '#access';

export const PAUSE_REASONS = ['BY_ADMIN', 'ACCESS_REVOKED', 'TOO_MANY_POOLS', 'GONE', 'DEAD_LETTERS'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** As an admin sees it: never with its secret. */
export interface Webhook {
  id: string;
  principalId: string;
  url: string;
  pools: string[] | null;
  types: MemoryType[] | null;
  entityId: string | null;
  state: 'ACTIVE' | 'PAUSED';
  reason: PauseReason | null;
  /** Of the event that waits. */
  failures: number;
  lastError: string | null;
  /** Of the event that waits, where it has failed. */
  nextAttemptAt: Date | null;
  previousSecretUntil: Date | null;
  createdAt: Date;
}

/** An event that was given up. It holds no content: what is sent again is read again. */
export interface DeadLetter {
  eventId: string;
  kind: string;
  poolKey: string;
  memoryId: string;
  /** Stands on the event. */
  cursor: string;
  attempts: number;
  lastError: string | null;
  diedAt: Date;
  redeliverAt: Date | null;
}

/** A webhook that this worker alone may serve, as long as the lease holds. */
export interface Leased {
  id: string;
  leaseId: string;
  principal: Principal;
  url: string;
  /** The newest first; the one before it for a day after a rotation. */
  secrets: Buffer[];
  input: { pools: string[] | null; types: MemoryType[] | null; entityId: string | null };
  cursor: string;
  active: boolean;
  /** No event waits for its next attempt. */
  due: boolean;
  failures: number;
  /** The event that failed. */
  eventId: string | null;
  deadInARow: number;
  lastError: string | null;
}

export interface WebhookTiming {
  /** Before each attempt of an event; after the last it is a dead letter. */
  scheduleMs: readonly number[];
  pollMs: number;
  /** Of one POST in all. */
  timeoutMs: number;
  /** Who was killed at it holds others up for so long. */
  leaseMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The schedule that Standard Webhooks gives as an example, and a day more. */
export const WEBHOOK_TIMING: WebhookTiming = {
  scheduleMs: [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR],
  pollMs: SECOND,
  timeoutMs: 15 * SECOND,
  leaseMs: 30 * SECOND,
};
