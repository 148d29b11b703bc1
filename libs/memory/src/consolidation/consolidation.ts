import type { MemoryRow } from '#access';
import type { JsonObject } from '#kernel';

export const RUN_STATUSES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'UNDONE'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** What makes summaries and finds contradictions. */
export const CONSOLIDATION_MODES = ['RULES', 'LLM'] as const;
export type ConsolidationMode = (typeof CONSOLIDATION_MODES)[number];

export const CHANGE_KINDS = ['SUMMARIZED', 'MERGED', 'SUPERSEDED', 'EXPIRED', 'BOOSTED', 'FADED'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** SKIPPED: others had changed its memories before the run came to it. LEFT: before it was undone. */
export const CHANGE_STATES = ['PLANNED', 'APPLIED', 'SKIPPED', 'UNDONE', 'LEFT'] as const;
export type ChangeState = (typeof CHANGE_STATES)[number];

/** What a run reads of an ACTIVE memory. */
export interface Held extends MemoryRow {
  version: number;
  content: string;
  metadata: JsonObject | null;
  validTo: Date | null;
  expiresAt: Date | null;
  /** For what a run has made. */
  consolidatedAt: Date | null;
  promotedFrom: string | null;
  recallCount: number;
  lastRecalledAt: Date | null;
}

/** What is HIGH is somebody's word, a summary was made by a run, and a promoted copy was reviewed: no run folds them into others. */
export const isKeptAsWritten = ({ importance, consolidatedAt, promotedFrom }: Held): boolean =>
  importance === 'HIGH' || consolidatedAt !== null || promotedFrom !== null;

/** One step of a plan: of which memories, in which versions, what shall become. */
export interface PlannedChange {
  kind: ChangeKind;
  memories: readonly Pick<Held, 'id' | 'version'>[];
  /** The summary that is to be made, or the memory that the others give way to. */
  after: { id: string; version: number } | null;
  /** Of an importance that is moved: from which place to which. */
  weights: { from: number; to: number } | null;
  /** Shown also to whoever may not read the memories: never what one says, nor its numbers and times. */
  reason: string;
}

/** A step as it is stored, with what came of it. */
export interface StoredChange {
  place: number;
  kind: ChangeKind;
  state: ChangeState;
  memoryIds: string[];
  versions: number[];
  afterId: string | null;
  afterVersion: number | null;
  weightFrom: number | null;
  weightTo: number | null;
  reason: string;
}

export interface RunCounts {
  summarized: number;
  merged: number;
  superseded: number;
  expired: number;
  boosted: number;
  faded: number;
  skipped: number;
  left: number;
}

export interface ConsolidationRun extends RunCounts {
  id: string;
  poolId: string;
  status: RunStatus;
  mode: ConsolidationMode;
  fallbacks: number;
  dryRun: boolean;
  olderThanDays: number;
  askedById: string | null;
  requestedAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  error: string | null;
}

/** How old something is: since it happened, or else since it was written. */
export const ageOf = ({ validFrom, createdAt }: Pick<Held, 'validFrom' | 'createdAt'>, at: Date): number =>
  (at.getTime() - (validFrom ?? createdAt).getTime()) / DAY_MS;

export const DAY_MS = 86_400_000;
