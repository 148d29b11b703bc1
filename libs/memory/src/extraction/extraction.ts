import type { Memory, MemorizeOutcome } from '../memory.js';

export const EXTRACTION_STATUSES = ['QUEUED', 'SUCCEEDED', 'FAILED', 'SKIPPED'] as const;
export type ExtractionStatus = (typeof EXTRACTION_STATUSES)[number];

/** What is, or is to be, learnt from a conversation. */
export interface Extraction {
  id: string;
  poolId: string;
  status: ExtractionStatus;
  /** How often the model was asked in vain. */
  attempts: number;
  turnsRead: number;
  refused: number;
  error: string | null;
  createdAt: Date;
  finishedAt: Date | null;
}

/** As its author may see it: memories that are no longer theirs to see are left out. */
export interface ShownExtraction extends Extraction {
  turns: Memory[];
  derived: Memory[];
  superseded: Memory[];
}

export type Part = 'TURN' | 'DERIVED' | 'SUPERSEDED';

/** A memory of an extraction, in the order of its part. */
export interface PartMemory {
  part: Part;
  memoryId: string;
  outcome: MemorizeOutcome | null;
}
