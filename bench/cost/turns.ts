import { median, quantile } from '../measure.js';

/** One of those that are compared. Worker is which of the clients asks, nth counts what all of them ask together. */
export interface Contender {
  name: string;
  call: (nth: number, worker: number) => Promise<unknown>;
  cpu?: () => Promise<CpuReading>;
  /** Before each turn, and not timed. */
  prepare?: () => void;
  /** Of all that was asked so far, the share of the answers that was found. */
  recall?: () => number;
}

/** Seconds of a processor that were used so far; null where nobody tells. */
export interface CpuReading {
  broker: number | null;
  /** Of each process of Postgres that works for the contender, by its pid. */
  postgres: ReadonlyMap<number, number> | null;
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

/** Until then code is not compiled yet. Slow contenders, whose code matters less, are not waited for so long. */
const WARM_CALLS = 200;
const WARM_TURNS = 4;

/**
 * A broker that has just been started goes on compiling for thousands of calls: of 500 memories a recall cost Node.js 3.6 ms
 * after 400 of them and 2.4 ms after 7,000. What is measured is one that has been serving.
 */
export async function serve(calls: number, clients: number, call: Contender['call']): Promise<void> {
  let next = 0;
  const client = async (_: unknown, worker: number): Promise<void> => {
    while (next < calls) await call(next++, worker);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** Contenders take turns, and who begins moves on from round to round: what else the machine does meets all of them. */
export async function contend(contenders: readonly Contender[], pace: Pace): Promise<Measured[]> {
  const turns: Turn[][] = contenders.map(() => []);
  const counts = contenders.map(() => 0);
  // One round to warm up: compiled code, plans, pages.
  for (let round = -1; round < pace.rounds; round++) {
    for (let step = 0; step < contenders.length; step++) {
      const which = (step + Math.max(round, 0)) % contenders.length;
      const contender = contenders[which] as Contender;
      const turn = await takeTurn(contender, pace, { from: counts[which] as number, warming: round < 0 });
      counts[which] = (counts[which] as number) + turn.times.length;
      if (round >= 0) (turns[which] as Turn[]).push(turn);
    }
  }
  return turns.map(summary);
}

interface Begin {
  /** So that no call of a later turn repeats one of an earlier: a write must be new each time. */
  from: number;
  warming: boolean;
}

async function takeTurn(contender: Contender, { clients, turnMs }: Pace, { from, warming }: Begin): Promise<Turn> {
  const { call, cpu, prepare } = contender;
  prepare?.();
  const before = await cpu?.();
  const times: number[] = [];
  const start = performance.now();
  const goesOn = () => {
    const passed = performance.now() - start;
    return passed < turnMs || (warming && times.length < WARM_CALLS && passed < turnMs * WARM_TURNS);
  };
  let next = from;
  const client = async (_: unknown, worker: number): Promise<void> => {
    do {
      const since = performance.now();
      await call(next++, worker);
      times.push(performance.now() - since);
    } while (goesOn());
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - start) / 1000;
  return { times, seconds, cpu: used(before, await cpu?.()) };
}

function used(before: CpuReading | undefined, after: CpuReading | undefined): Cpu {
  const [from, to] = [before?.broker ?? null, after?.broker ?? null];
  const broker = from === null || to === null ? null : to - from;
  if (!before?.postgres || !after?.postgres) return { broker, postgres: null };
  // Connections come and go: what is not there any more is not counted, and what is new counts whole.
  const postgres = [...after.postgres].reduce(
    (sum, [pid, seconds]) => sum + seconds - (before.postgres?.get(pid) ?? 0),
    0,
  );
  return { broker, postgres };
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
