import { importanceRank } from '../memory.repository.js';
import type { Weighed } from './apply.repository.js';
import type { ChangeKind, StoredChange } from './consolidation.js';
import type { Locked } from './snapshot.repository.js';

/** What taking one change back does: to what nobody has changed since. */
export interface Reversal {
  change: StoredChange;
  /** To be ACTIVE again. */
  restored: string[];
  /** The summary that goes. */
  buried: Locked | null;
  weighed: Weighed | null;
}

const RETIRED_AS: Partial<Record<ChangeKind, string>> = {
  SUMMARIZED: 'ARCHIVED',
  MERGED: 'ARCHIVED',
  SUPERSEDED: 'SUPERSEDED',
  EXPIRED: 'ARCHIVED',
};

/** Null where it is left as it is. */
export function reversalOf(change: StoredChange, held: ReadonlyMap<string, Locked>): Reversal | null {
  const { kind, afterId, afterVersion } = change;
  const own = change.memoryIds.flatMap((id, place) => {
    const memory = held.get(id);
    return memory && memory.version === change.versions[place] ? [memory] : [];
  });
  if (kind === 'BOOSTED' || kind === 'FADED') return moveBack(change, own);
  let buried: Locked | null = null;
  if (kind === 'SUMMARIZED') {
    buried = held.get(afterId as string) ?? null;
    // Revised, forgotten or folded into another since: it is somebody else's by now, and its sources stay behind it.
    if (buried?.status !== 'ACTIVE' || buried.version !== afterVersion) return null;
  }
  const restored = own.filter(
    ({ status, supersededBy }) => status === RETIRED_AS[kind] && supersededBy === (kind === 'EXPIRED' ? null : afterId),
  );
  if (restored.length === 0 && !buried) return null;
  return { change, restored: restored.map(({ id }) => id), buried, weighed: null };
}

function moveBack(change: StoredChange, [memory]: readonly Locked[]): Reversal | null {
  const [from, to] = [change.weightTo as number, change.weightFrom as number];
  if (memory?.status !== 'ACTIVE' || importanceRank(memory.importance) !== from) return null;
  return { change, restored: [], buried: null, weighed: { id: memory.id, from, to } };
}
