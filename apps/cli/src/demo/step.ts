import { type Importance, type MemoryType } from '../import/memorize-input.js';

export const STORY_ROLES = ['planner', 'coder', 'reviewer', 'tester'] as const;
export type StoryRole = (typeof STORY_ROLES)[number];

interface StepBase {
  /** Unique in the story; later steps name it. */
  id: string;
  /** When it happened in the story. */
  at: string;
  role: StoryRole;
}

export interface MemorizeStep extends StepBase {
  verb: 'memorize';
  /** The pool of the role unless given. */
  pool?: 'shared';
  type: MemoryType;
  session: string;
  entity?: string;
  importance?: Importance;
  labels?: string[];
  content: string;
}

export interface ReviseStep extends StepBase {
  verb: 'revise';
  of: string;
  content: string;
  reason: string;
}

export interface ForgetStep extends StepBase {
  verb: 'forget';
  of: string;
  reason: string;
}

/** What becomes of a proposal. */
export interface ReviewStep extends StepBase {
  verb: 'review';
  of: string;
  approve: boolean;
  comment: string;
}

/** A copy in another pool, with its provenance. */
export interface PromoteStep extends StepBase {
  verb: 'promote';
  of: string;
  toPool: StoryRole;
}

export interface RecallStep extends StepBase {
  verb: 'recall';
  query: string;
}

export type Step = MemorizeStep | ReviseStep | ForgetStep | ReviewStep | PromoteStep | RecallStep;
