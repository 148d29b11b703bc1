import { describe, expect, it } from '@jest/globals';
import { readHalfvec, roundToHalf } from './halfvec.js';

const bytesOf = (...halves: number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 2 * halves.length);
  bytes.writeUInt16BE(halves.length, 0);
  halves.forEach((half, at) => bytes.writeUInt16BE(half, 4 + 2 * at));
  return bytes;
};
const INFINITY = 0x7c00;
/** All from 0 on, in their order. */
const HALVES = [...readHalfvec(bytesOf(...Array.from({ length: INFINITY }, (_, bits) => bits)))];

describe('half-precision numbers', () => {
  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65_504],
    [0x0400, 2 ** -14],
    [0x03ff, 1023 * 2 ** -24],
    [0x8001, -(2 ** -24)],
  ])('are read as IEEE 754 has them: %d is %d', (bits, value) => {
    expect([...readHalfvec(bytesOf(bits, bits))]).toEqual([value, value]);
  });

  it('stay what they are when they are rounded', () => {
    expect(HALVES.filter((half) => roundToHalf(half) !== half || roundToHalf(-half) !== -half)).toEqual([]);
  });

  it('are the nearest to what is rounded', () => {
    const isNearest = (value: number) => {
      const above = HALVES.findIndex((half) => half >= value);
      const around = HALVES.slice(Math.max(0, above - 1), above + 1);
      const distance = Math.abs(roundToHalf(value) - value);
      return HALVES.includes(roundToHalf(value)) && around.every((half) => Math.abs(half - value) >= distance);
    };
    // Floats, as pgvector reads them: between two halves a number may be nearer to one, and its float as near to both.
    const values = Array.from({ length: 300 }, () => Math.fround(Math.random() * 2 ** (Math.random() * 40 - 25)));
    expect(values.filter((value) => !isNearest(value))).toEqual([]);
  });
});
