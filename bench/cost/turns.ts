import { median, quantile } from '../measure.js';

/** One of those that are compared. Worker is which of the clients asks, nth counts what all of them ask together. */
export interface Contender {
  name: string;
  call: (nth: number, worker: number) => Promise<unknown>;
  /** Seconds of a processor used so far, by the broker and by Postgres for it. */
  cpu?: () => Promise<Cpu>;
  /** Of all that was asked so far, the share of the answers that was found. */
  recall?: () => number;
}

export interface Cpu {
  broker: number | null;
  postgres: number | null;
}

export interface Pace {
  clients: number;
  rounds: number;
  /** How long each turn lasts, though never less than one call of each client. */
  turnMs: number;
}

export interface Measured {
  /** Of each round, in milliseconds. */
  p50: number[];
  p95: number;
  /** Calls a second, of each round. */
  rates: number[];
  /** Milliseconds of a processor for one call. */
  cpu: Cpu;
}

interface Turn {
  times: number[];
  seconds: number;
  cpu: Cpu;
}

/** Contenders take turns, and who begins moves on from round to round: what else the machine does meets all of them. */
export async function contend(contenders: readonly Contender[], pace: Pace): Promise<Measured[]> {
  const turns: Turn[][] = contenders.map(() => []);
  const counts = contenders.map(() => 0);
  // One round to warm up: compiled code, plans, pages.
  for (let round = -1; round < pace.rounds; round++) {
    for (let step = 0; step < contenders.length; step++) {
      const which = (step + Math.max(round, 0)) % contenders.length;
      const turn = await takeTurn(contenders[which] as Contender, pace, counts[which] as number);
      counts[which] = (counts[which] as number) + turn.times.length;
      if (round >= 0) (turns[which] as Turn[]).push(turn);
    }
  }
  return turns.map(summary);
}

/** @param from so that no call of a later turn repeats one of an earlier: a write must be new each time */
async function takeTurn({ call, cpu }: Contender, { clients, turnMs }: Pace, from: number): Promise<Turn> {
  const before = await cpu?.();
  const times: number[] = [];
  const start = performance.now();
  let next = from;
  const client = async (_: unknown, worker: number): Promise<void> => {
    do {
      const since = performance.now();
      await call(next++, worker);
      times.push(performance.now() - since);
    } while (performance.now() - start < turnMs);
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - start) / 1000;
  const after = await cpu?.();
  return { times, seconds, cpu: { broker: used('broker', before, after), postgres: used('postgres', before, after) } };
}

function used(of: keyof Cpu, before: Cpu | undefined, after: Cpu | undefined): number | null {
  const [from, to] = [before?.[of] ?? null, after?.[of] ?? null];
  return from === null || to === null ? null : to - from;
}

function summary(turns: readonly Turn[]): Measured {
  const calls = turns.reduce((sum, { times }) => sum + times.length, 0);
  const perCall = (of: keyof Cpu) => {
    const parts = turns.map(({ cpu }) => cpu[of]);
    return parts.some((part) => part === null)
      ? null
      : (1000 * parts.reduce<number>((sum, part) => sum + (part as number), 0)) / calls;
  };
  return {
    p50: turns.map(({ times }) => median(times)),
    p95: quantile(
      turns.flatMap(({ times }) => times),
      0.95,
    ),
    rates: turns.map(({ times, seconds }) => times.length / seconds),
    cpu: { broker: perCall('broker'), postgres: perCall('postgres') },
  };
}

/** Lowest and highest of the rounds. */
export const spreadOf = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)];
