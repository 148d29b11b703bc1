import { expect, it } from '@jest/globals';
import { isLater } from './term-index.repository.js';

/** As they follow one another: transactions come in order, and end in any. */
const IN_ORDER = [
  '7:7:',
  '7:8:7',
  '7:9:7,8',
  '7:10:7,8',
  '8:10:8',
  '10:10:',
  '10:12:10',
  '9007199254740993:9007199254740994:',
];

it('of two snapshots the later one is told by where it ends, and then by how few are open', () => {
  IN_ORDER.forEach((one, at) => IN_ORDER.forEach((other, place) => expect(isLater(one, other)).toBe(at > place)));
});

it('numbers of transactions are compared as numbers, however large', () => {
  expect(isLater('9:10:', '9:9:')).toBe(true);
  expect(isLater('9:9:', '9:10:')).toBe(false);
  expect(isLater('1:9007199254740993:', '1:9007199254740992:')).toBe(true);
});
