import { IMPORTANCES, type ConditionField, type ToldApart } from '#access';
import { DAY_MS, type Held } from './consolidation.js';

type Attribute = Exclude<ConditionField, 'status' | 'createdAt' | 'validFrom'>;

/** All that conditions can name, but for what every memory of a run has alike (ACTIVE) and for times. */
const VALUES: Record<Attribute, (memory: Held) => unknown> = {
  type: ({ type }) => type,
  entityId: ({ entityId }) => entityId,
  sessionId: ({ sessionId }) => sessionId,
  speaker: ({ speaker }) => speaker,
  authorId: ({ authorId }) => authorId,
  authorRole: ({ authorRole }) => authorRole,
  importance: ({ importance }) => IMPORTANCES.indexOf(importance),
  labels: ({ labels }) => [...labels].sort(),
};
const ATTRIBUTES = Object.keys(VALUES) as Attribute[];

/**
 * Equal for memories that the active policy does not tell apart: whoever sees one of them sees the others, and the same fields of
 * them. Times are told apart by the moments that conditions name.
 */
export function audienceKey(memory: Held, { fields, moments }: ToldApart): string {
  const values = ATTRIBUTES.map((name) => (fields.has(name) ? VALUES[name](memory) : null));
  return JSON.stringify([values, placeOf(memory.createdAt, moments), placeOf(memory.validFrom, moments)]);
}

/**
 * Equal for memories that no policy tells apart, one of tomorrow neither, unless it names a moment within a day. What is made of
 * several is seen by whoever saw each of them, and by nobody else.
 */
export function identityKey(memory: Held): string {
  const { createdAt, validFrom, validTo, expiresAt } = memory;
  const times = [dayOf(createdAt), dayOf(validFrom), validTo?.getTime() ?? null, expiresAt?.getTime() ?? null];
  return JSON.stringify([...ATTRIBUTES.map((name) => VALUES[name](memory)), ...times]);
}

export const areAlike = (memories: readonly Held[], keyOf: (memory: Held) => string): boolean =>
  new Set(memories.map(keyOf)).size <= 1;

/** Whether it stands at one of the moments, or between which two. */
function placeOf(time: Date | null, moments: readonly number[]): number | null {
  if (time === null) return null;
  const before = moments.filter((moment) => moment < time.getTime()).length;
  return 2 * before + (moments[before] === time.getTime() ? 1 : 0);
}

const dayOf = (time: Date | null): number | null => time && Math.floor(time.getTime() / DAY_MS);
