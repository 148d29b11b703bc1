import type { DirectoryPool, Grants, Principal, Waits } from '#access';
import type { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';
import { isIn, type SpaceVector } from '../memory-index.js';
import { findMemories, type IndexSpace } from '../memory.repository.js';
import { showsIdentity, type Memorized, type Memory } from '../memory.js';
import type { MemorizeCommand } from './memorize-command.js';
import type { RequestKey } from './request-key.repository.js';

/** One input on its way: where it stood, what it says, its vectors, and what comes of it. */
export interface Item {
  index: number;
  command: MemorizeCommand;
  vectors: SpaceVector[];
  status: 'ACTIVE' | 'PROPOSED';
  /** Where it goes: found in the unit of work that stores it. */
  pool?: DirectoryPool;
  /** The memory's, should it become a new one; given where that has to be known before. */
  id?: string;
  result?: Memorized;
  error?: CommonplaceError;
}

/** How a unit goes about what may hold it up. */
export interface Manner {
  /** Left to a unit of their own, they let it end with its statement. */
  repeats: 'stored' | 'left';
  /** Of a unit that is to end with its statement; a proposal among them needs more. */
  waits?: Waits;
  request?: RequestKey | undefined;
}

export const THOROUGH: Manner = { repeats: 'stored' };

/** One that may be stored. */
export type Placed = Item & { pool: DirectoryPool };

export interface Batch {
  caller: Principal;
  unit: Unit;
  grants: Grants;
  space: IndexSpace | null;
  now: Date;
  /** Of all items in one; none of them has a key of its own then. */
  request?: RequestKey | undefined;
}

export function find({ unit, caller, grants, space, now }: Batch, ids: readonly string[]): Promise<Memory[]> {
  return findMemories(unit, { orgId: caller.orgId, filter: grants.readFilter, now, space }, ids);
}

/** Those whose content and entity the caller is shown: only they may answer as a duplicate, or a guess would be confirmed. */
export async function findIdentities(batch: Batch, ids: readonly string[]): Promise<Memory[]> {
  return (await find(batch, ids)).filter(showsIdentity);
}

export const open = (items: readonly Item[]): Placed[] => items.filter((item): item is Placed => !item.error);

/** Neither stored nor refused: it repeats a memory, and the unit stored new ones alone. */
export const isLeft = (item: Item): boolean => !item.result && !item.error;

export const isNew = (item: Item): boolean => item.result !== undefined && item.result.outcome !== 'DUPLICATE';

/** As its author wrote it: also for an author who may write in the pool and not read. */
export function asWritten({ caller, now, space }: Batch, id: string, item: Placed): Memory {
  const { command, pool, status, vectors } = item;
  const { content, type, entityId, sessionId, speaker, importance, labels, metadata, validFrom, expiresAt } = command;
  return {
    id,
    poolId: pool.id,
    type,
    status,
    content,
    entityId,
    sessionId,
    speaker,
    importance,
    labels,
    metadata,
    authorId: caller.id,
    authorRole: caller.role,
    maskedFields: [],
    version: 1,
    createdAt: now,
    updatedAt: now,
    validFrom,
    validTo: null,
    expiresAt,
    indexed: isIn(space, vectors),
    recallCount: 0,
    lastRecalledAt: null,
    supersededById: null,
    reviewed: null,
  };
}
