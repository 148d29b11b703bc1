// Small and seeded: what it chose can be had again, as far as the clock lets it.

/** @typedef {ReturnType<typeof randomFrom>} Random */

/** Mulberry32. @param {number} seed */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    /** @param {number} limit */
    below: (limit) => Math.floor(next() * limit),
    /** @param {number} least @param {number} most */
    between: (least, most) => least + next() * (most - least),
    /** With a mean; mostly shorter. @param {number} mean */
    about: (mean) => -Math.log(1 - next()) * mean,
    /** @param {number} probability */
    chance: (probability) => next() < probability,
    /** @template T @param {readonly T[]} values @returns {T} */
    one: (values) => /** @type {T} */ (values[Math.floor(next() * values.length)]),
    /** @template T @param {readonly T[]} values @param {number} count @returns {T[]} */
    some: (values, count) => {
      const rest = [...values];
      return Array.from(
        { length: Math.min(count, rest.length) },
        () => /** @type {T} */ (rest.splice(Math.floor(next() * rest.length), 1)[0]),
      );
    },
  };
}
