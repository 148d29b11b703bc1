import { IMPORTANCES, type Importance } from '#access';
import { DAY_MS, type Held, type PlannedChange } from './consolidation.js';

/** How often something must have been recalled to be raised from there. */
const ENOUGH_RECALLS: Partial<Record<Importance, number>> = { LOW: 8, MEDIUM: 24 };
/** Only what is still asked for is raised. */
const RECENT_DAYS = 30;
/** What nobody has asked for so long counts less. */
const NEVER_RECALLED_DAYS = 90;
/** What was once recalled keeps its rank for longer. */
const NO_LONGER_RECALLED_DAYS = 180;

/** The place of an importance, as it is stored. */
const placeOf = (importance: Importance): number => IMPORTANCES.indexOf(importance) + 1;

/** One step up where it is recalled often; one step down where it is not. HIGH that was never recalled is somebody's word, and stays. */
export function weigh(memory: Held, now: Date): PlannedChange | null {
  const { importance, recallCount, lastRecalledAt } = memory;
  const place = placeOf(importance);
  const idleDays = lastRecalledAt && (now.getTime() - lastRecalledAt.getTime()) / DAY_MS;
  if (idleDays !== null && idleDays <= RECENT_DAYS && recallCount >= (ENOUGH_RECALLS[importance] ?? Infinity))
    return moved(memory, 'BOOSTED', place + 1, 'recalled often of late');
  if (importance === 'MEDIUM' && recallCount === 0 && daysThere(memory, now) > NEVER_RECALLED_DAYS)
    return moved(memory, 'FADED', place - 1, 'never recalled');
  if (importance !== 'LOW' && idleDays !== null && idleDays > NO_LONGER_RECALLED_DAYS)
    return moved(memory, 'FADED', place - 1, 'no longer recalled');
  return null;
}

/** Old news that came yesterday had a day to be recalled, and so had a summary of it. */
const daysThere = ({ createdAt, consolidatedAt }: Held, now: Date): number =>
  (now.getTime() - (consolidatedAt ?? createdAt).getTime()) / DAY_MS;

function moved(memory: Held, kind: 'BOOSTED' | 'FADED', to: number, reason: string): PlannedChange {
  return { kind, memories: [memory], after: null, weights: { from: placeOf(memory.importance), to }, reason };
}
