/** The closed vocabulary of access: everything a statement may say is listed here, and nothing else is understood. */
export const ACTIONS = ['READ', 'WRITE', 'PROPOSE', 'REVISE', 'FORGET', 'REVIEW', 'CONSOLIDATE', 'ADMINISTER'] as const;
export type Action = (typeof ACTIONS)[number];

export const EFFECTS = ['ALLOW', 'DENY'] as const;
export type Effect = (typeof EFFECTS)[number];

export const POOL_KINDS = ['SHARED', 'ROLE', 'AGENT'] as const;
export type PoolKind = (typeof POOL_KINDS)[number];

export const MEMORY_TYPES = ['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];

/** In ascending order; Postgres stores the place in this list, counted from 1. */
export const IMPORTANCES = ['LOW', 'MEDIUM', 'HIGH'] as const;
export type Importance = (typeof IMPORTANCES)[number];

/** Shown to whoever may READ the memory. */
export const OPEN_STATUSES = ['ACTIVE', 'SUPERSEDED', 'ARCHIVED', 'FORGOTTEN'] as const;
/** Shown to the author, who may READ or PROPOSE there, and to whoever may REVIEW. */
export const HELD_STATUSES = ['PROPOSED', 'REJECTED', 'QUARANTINED'] as const;
export const MEMORY_STATUSES = [...OPEN_STATUSES, ...HELD_STATUSES] as const;
export type MemoryStatus = (typeof MEMORY_STATUSES)[number];

/** The fields of Memory that a statement's `fields` can show or hide; the rest is always shown. */
export const MASKABLE_FIELDS = ['content', 'labels', 'metadata', 'author', 'entityId', 'sessionId', 'speaker'] as const;
export type MaskableField = (typeof MASKABLE_FIELDS)[number];

/** A pool as the policy sees it. */
export interface PoolRef {
  readonly id: string;
  readonly key: string;
  readonly kind: PoolKind;
  /** The role that owns a ROLE pool. */
  readonly role: string | null;
  /** The agent that owns an AGENT pool. */
  readonly ownerId: string | null;
}

/** Who asks: always from the credential, never from input. */
export interface PrincipalRef {
  readonly id: string;
  readonly role: string;
}

/** Stands for anybody of a role: no pool belongs to it, and it wrote nothing. */
export const STRANGER = '00000000-0000-0000-0000-000000000000';

/** What a decision reads of a memory. Build it fresh from the database's row, never from a client's JSON. */
export interface MemoryRow {
  readonly id: string;
  readonly poolId: string;
  readonly type: MemoryType;
  readonly status: MemoryStatus;
  /** A tombstone of what was held when it was forgotten stays hidden from those who could not see it before. */
  readonly wasHeld?: boolean;
  readonly entityId: string | null;
  readonly sessionId: string | null;
  readonly speaker: string | null;
  readonly authorId: string | null;
  /** When it wrote the memory. */
  readonly authorRole: string | null;
  readonly importance: Importance;
  readonly labels: readonly string[];
  readonly createdAt: Date;
  readonly validFrom: Date | null;
}
