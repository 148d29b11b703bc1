/** Small and seeded, so that what it chose can be had again. */
export interface Random {
  below: (limit: number) => number;
  one: <T>(values: readonly T[]) => T;
  /** One to `atMost` of them, in their order. */
  some: <T>(values: readonly T[], atMost: number) => T[];
}

/** Mulberry32. */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const one = <T>(values: readonly T[]) => values[below(values.length)] as T;
  const some = <T>(values: readonly T[], atMost: number) => {
    const count = Math.min(1 + below(atMost), values.length);
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(below(values.length));
    return values.filter((_, place) => chosen.has(place));
  };
  return { below, one, some };
}
