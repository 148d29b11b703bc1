import { expect, it } from '@jest/globals';
import { Best } from './best.js';

it.each([
  [0, 3],
  [2, 3],
  [3, 3],
  [1_000, 1],
  [1_000, 2],
  [1_000, 100],
])('of %d that are told the %d largest are kept, whatever is told again and in whatever order', (count, most) => {
  for (let round = 0; round < 20; round++) {
    const told = Array.from({ length: count }, () => ({ cosine: Math.floor(Math.random() * 500) / 250 - 1 }));
    const best = new Best<{ cosine: number }>(most);
    for (const one of told) best.add(one);
    const cosines = told.map(({ cosine }) => cosine).sort((a, b) => b - a);
    expect(best.inOrder().map(({ cosine }) => cosine)).toEqual(cosines.slice(0, most));
    expect(best.least).toBe(count < most ? -Infinity : cosines[most - 1]);
  }
});
