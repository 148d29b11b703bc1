import type { Importance, MemoryType, RecallWeights } from '#access';

/**
 * Small on purpose: a memory whose words answer the whole question scores about 1, and neighbours in rank differ by 0.01 to 0.05.
 * So importance moves a hit by a few places, recency decides between hits that answer alike, and usage between equal ones: at
 * 0.003 and 0.01 it took 0.4 to 0.9 points of recall@5.
 */
export const DEFAULT_WEIGHTS: RecallWeights = { importance: 0.05, recency: 0.02, usage: 0.0002 };

/** What happened ages in weeks, a fact in half a year, a way to do something in a year. */
const HALF_LIFE_DAYS: Readonly<Record<MemoryType, number>> = { EPISODIC: 30, DECLARATIVE: 180, PROCEDURAL: 365 };

const IMPORTANCE_SIGN: Readonly<Record<Importance, number>> = { LOW: -1, MEDIUM: 0, HIGH: 1 };

/** Recalls from which on more of them add nothing: a boost brings recalls, and these must not bring more boost for ever. */
const ENOUGH_RECALLS = 64;
/** Without a recall the boost halves in this time, so that what is no longer asked for sinks again. */
const USAGE_HALF_LIFE_DAYS = 14;
const DAY_MS = 86_400_000;

/** What boosts look at, but for how it was used. */
export interface Weighed {
  readonly type: MemoryType;
  readonly importance: Importance;
  readonly validFrom: Date | null;
  readonly createdAt: Date;
}

export interface Boostable extends Weighed {
  readonly recallCount: number;
  readonly lastRecalledAt: Date | null;
}

/** What each adds to a hit's score; `importanceBoost` takes away where the importance is LOW. */
export interface Boosts {
  importanceBoost: number;
  recencyBoost: number;
  usageBoost: number;
}

/** At which moment, and how much each may add. */
export interface Weighing {
  now: Date;
  weights: RecallWeights;
}

/** @param now the moment that the recall asks about; usage is counted for the present alone, and adds nothing to a past one */
export function boostsOf(memory: Boostable, { now, isPast, weights }: Weighing & { isPast: boolean }): Boosts {
  return {
    importanceBoost: importanceBoost(memory, weights),
    recencyBoost: recencyBoost(memory, { now, weights }),
    usageBoost: isPast ? 0 : rounded(weights.usage * used(memory, now)),
  };
}

/** What is known before a memory is read: all but its usage. */
export const steadyBoost = (memory: Weighed, { now, weights }: Weighing): number =>
  importanceBoost(memory, weights) + recencyBoost(memory, { now, weights });

const importanceBoost = ({ importance }: Weighed, weights: RecallWeights): number =>
  rounded(weights.importance * IMPORTANCE_SIGN[importance]);

function recencyBoost({ type, validFrom, createdAt }: Weighed, { now, weights }: Weighing): number {
  const age = daysBetween(validFrom ?? createdAt, now);
  return rounded(weights.recency * halved(age, HALF_LIFE_DAYS[type]));
}

/** To what tells hits apart: of three years ago would be 3.4e-209. */
const rounded = (boost: number): number => Math.round(boost * 1e6) / 1e6 + 0;

export const sumOf = ({ importanceBoost, recencyBoost, usageBoost }: Boosts): number =>
  importanceBoost + recencyBoost + usageBoost;

/**
 * How far behind another a hit may be and still come before it: from the least sum of boosts to the largest. What is further
 * behind the last place need not be looked at.
 */
export const spreadOf = ({ importance, recency, usage }: RecallWeights): number => 2 * importance + recency + usage;

/** 0 to 1: the logarithm of the count, up to enough of them, fading since the last. */
function used({ recallCount, lastRecalledAt }: Boostable, now: Date): number {
  if (recallCount === 0 || lastRecalledAt === null) return 0;
  const often = Math.min(1, Math.log1p(recallCount) / Math.log1p(ENOUGH_RECALLS));
  return often * halved(daysBetween(lastRecalledAt, now), USAGE_HALF_LIFE_DAYS);
}

/** What lies ahead is as new as what is of this moment. */
const daysBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / DAY_MS;

const halved = (days: number, halfLife: number): number => 2 ** (-days / halfLife);
