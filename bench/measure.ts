import { setTimeout as pause } from 'node:timers/promises';

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] as number;
  return low + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] as number) - low);
}

/** The median of the quietest fifth of a run: what other work on the machine adds comes and goes, and only ever adds. */
export function quietMedian(times: readonly number[]): number {
  const size = Math.ceil(times.length / 5);
  const starts = Array.from({ length: times.length - size + 1 }, (_, start) => start);
  return Math.min(...starts.map((start) => median(times.slice(start, start + size))));
}

/** Milliseconds of each of `times` calls; what `before` prepares is not timed. */
export function timesOf<Prepared>(
  times: number,
  before: (nth: number) => Prepared,
  work: (given: Prepared) => unknown,
) {
  return Array.from({ length: times }, (_, nth) => {
    const given = before(nth);
    const start = performance.now();
    work(given);
    return performance.now() - start;
  });
}

export interface Variant {
  /** Before each of its turns, and not timed. */
  enter?: () => Promise<void>;
  /** @param nth the same for all variants of a round, so that they do the same */
  call: (nth: number) => Promise<unknown>;
}

/** Of each variant, the median of each round in milliseconds. */
export type Rounds = number[][];

/**
 * The machine is never quiet, so variants are only compared within a round, in which they take turns a few calls long. Which
 * one begins moves on from round to round.
 */
export async function takeTurns(
  variants: readonly Variant[],
  rounds: number,
  calls: number,
  warmRounds = 2,
): Promise<Rounds> {
  const result: Rounds = variants.map(() => []);
  // To warm up: compiled code, plans, pages.
  for (let round = -warmRounds; round < rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const which = (turn + Math.max(round, 0)) % variants.length;
      const variant = variants[which] as Variant;
      await variant.enter?.();
      const times = await timeCalls(variant, Math.max(round, 0) * calls, calls);
      if (round >= 0) (result[which] as number[]).push(median(times));
    }
    await pause(1);
  }
  return result;
}

async function timeCalls(variant: Variant, from: number, calls: number): Promise<number[]> {
  // The first call after a turn pays for what the others pushed out of the caches.
  await variant.call(from);
  const times: number[] = [];
  for (let nth = from; nth < from + calls; nth++) {
    const start = performance.now();
    await variant.call(nth);
    times.push(performance.now() - start);
  }
  return times;
}

/** The median over the rounds of how many times longer one variant took than another in the same round. */
export const ratio = (rounds: Rounds, of: number, to: number): number =>
  median((rounds[of] as number[]).map((time, round) => time / (rounds[to]?.[round] as number)));
