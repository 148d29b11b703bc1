import type { ReadFilter } from '#access';
import { describe, expect, it } from '@jest/globals';
import type { MemoryFilter } from '../../read/memory-filter.js';
import type { Known } from '../../vectors/kept/kept-vectors.js';
import { IndexedTexts } from './indexed-texts.js';
import { PoolTerms } from './pool-terms.js';
import { termRow } from './testing.js';

const row = (id: string, words: string) => termRow(id, words, { sessionId: 'session' });
const all = { openKey: () => null, readsWhole: () => true } as unknown as ReadFilter;
const now = new Date(1);

describe('kept texts, while another recall takes in that a memory was changed', () => {
  it('have it by its words and its session as it was or not at all, and by its meaning as it is, told by its id', async () => {
    const pool = new PoolTerms('pool', '1:1:');
    pool.takeIn([row('a', 'anvil'), row('b', 'anvil')]);
    let known: Known | undefined;
    const near = (asked: Known) => {
      known = asked;
      return [];
    };
    const wanted = { poolIds: null, statuses: ['ACTIVE'], labels: [], moment: null } as unknown as MemoryFilter;
    const texts = new IndexedTexts([pool], { filter: all, now, moment: now, wanted }, near);
    const before = texts.holding(['anvil']).passages;
    expect(before.map(({ id, number }) => [id, number])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    await texts.nearest();
    pool.takeIn([row('a', 'anvil hammer')]);
    expect(texts.holding(['anvil', 'hammer']).passages.map(({ id }) => id)).toEqual(['b']);
    expect(texts.ofSessions([{ poolId: 'pool', sessionId: 'session' }]).map((run) => run.map(({ id }) => id))).toEqual([
      ['b'],
    ]);
    const changed = known?.passageOf({ poolId: 'pool', id: 'a' });
    expect(changed).toMatchObject({ id: 'a', length: 2, number: undefined });
    expect(known?.passageOf({ poolId: 'pool', id: 'b' })).toMatchObject({ id: 'b', number: 1 });
    expect(known?.passageOf({ poolId: 'pool', id: 'c' })).toBeUndefined();
  });
});
