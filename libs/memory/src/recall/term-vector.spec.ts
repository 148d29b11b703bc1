import { describe, expect, it } from '@jest/globals';
import { readFrequencies, termVector } from './term-vector.js';

describe('readFrequencies', () => {
  it('reads what Postgres writes, weights and all', () => {
    expect(readFrequencies("'db.5':1A,2A 'ü':7A 'wait':3")).toEqual({
      terms: ['db.5', 'ü', 'wait'],
      frequencies: [2, 1, 1],
    });
    expect(readFrequencies('')).toEqual({ terms: [], frequencies: [] });
  });

  it('reads what was written here', () => {
    const vector = termVector(['a', 'b', 'a', 'c:d', 'a']);
    expect(readFrequencies(vector)).toEqual({ terms: ['a', 'b', 'c:d'], frequencies: [3, 1, 1] });
  });
});
