import type { ReadFilter } from '#access';
import type { Statement, Unit } from '#platform';
import { describe, expect, it } from '@jest/globals';
import type { ReadScope } from '../memory.repository.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import type { Passage } from '../recall/recipe.js';
import { nearestKnown, type Near, type PassageOf } from './nearest.js';
import { MAX_LOOKED, MAX_NEAREST, type NearVector } from './nearest.repository.js';

const POOL = '00000000-0000-7000-8000-000000000001';
const SPACE = '00000000-0000-7000-8000-000000000002';
const VECTOR = [1, 0];

const passage = (id: string, wanted = true) =>
  ({ id, poolId: POOL, sessionId: null, speaker: null, day: 0, length: 1, traits: 0, wanted }) as Passage;
const idOf = (nth: number) => `m${String(nth).padStart(3, '0')}`;
const cosineOf = (nth: number) => 1 - nth / 1_000;
/** The nearest are those of the lowest numbers. */
const vectorOf = (nth: number): NearVector => ({ id: idOf(nth), poolId: POOL, cosine: cosineOf(nth) });
const numbers = (count: number) => Array.from({ length: count }, (_, nth) => nth);

/** Postgres with one pool, by which of its statements it was asked. */
function database({
  tier = 'EXACT',
  vectors,
  exactly = [],
}: {
  tier?: string;
  vectors: NearVector[];
  exactly?: number[];
}) {
  const sent: string[] = [];
  const answer = ({ name, text }: Statement): unknown[] => {
    if (name === 'vector_placements') return [{ poolId: POOL, memories: 5_000, tier, indexed: 5_000, dimensions: 2 }];
    if (name === 'vector_search_on') return [];
    const isBare = !text.includes('from memory m');
    sent.push(isBare ? 'vectors' : text.includes('near as materialized') ? 'first' : 'exactly');
    return isBare ? vectors : exactly.map((nth) => ({ ...passage(idOf(nth)), cosine: cosineOf(nth), looked: 0 }));
  };
  return { unit: { query: (statement: Statement) => Promise.resolve(answer(statement)) } as unknown as Unit, sent };
}

function scopeOf(readsWhole: boolean): ReadScope {
  const filter = {
    poolIds: [POOL],
    readsWhole: () => readsWhole,
    narrow: () => filter,
    ...{ where: () => 'true', shows: () => 'true', column: () => 'null', maskedFields: () => 'null' },
  };
  return {
    orgId: POOL,
    filter: filter as unknown as ReadFilter,
    now: new Date(),
    space: { spaceId: SPACE, exactFactor: 1 },
  };
}

const ANY = { poolIds: null, types: null, statuses: ['ACTIVE'], labels: [], moment: null } as unknown as MemoryFilter;
const known =
  (unit: Unit, readsWhole = true) =>
  (passageOf: PassageOf) =>
    nearestKnown(unit, scopeOf(readsWhole), { filter: ANY, vector: VECTOR }, passageOf);
const idsOf = (found: readonly Near[]) => found.map((near) => near.passage.id);

describe('the nearest, of what is known', () => {
  it('are the nearest also where an index answers out of order, and Postgres is asked once', async () => {
    const { unit, sent } = database({ tier: 'SHARED', vectors: numbers(MAX_LOOKED).reverse().map(vectorOf) });
    const found = await known(unit)(({ id }) => passage(id));
    expect(idsOf(found)).toEqual(numbers(MAX_NEAREST).map(idOf));
    expect(sent).toEqual(['vectors']);
  });

  it.each([
    ['may not be read', () => undefined],
    ['is not wanted', (id: string) => passage(id, false)],
  ])('leave out what %s, and are asked for exactly, once, where too few are left', async (_, other) => {
    const { unit, sent } = database({ vectors: numbers(MAX_LOOKED).map(vectorOf), exactly: [3, 500] });
    const found = await known(unit)(({ id }) => (id === idOf(3) ? passage(id) : other(id)));
    expect(found).toEqual([
      { passage: passage(idOf(3)), cosine: cosineOf(3) },
      { passage: { ...passage(idOf(500)), cosine: cosineOf(500), looked: 0 }, cosine: cosineOf(500) },
    ]);
    expect(found[0]?.passage).not.toHaveProperty('cosine');
    expect(sent).toEqual(['vectors', 'exactly']);
  });

  it('are all there are where these are few', async () => {
    const { unit, sent } = database({ vectors: [vectorOf(1), vectorOf(0)] });
    expect(idsOf(await known(unit)(({ id }) => passage(id)))).toEqual([idOf(0), idOf(1)]);
    expect(sent).toEqual(['vectors']);
  });

  it.each([
    ['EXACT', ['exactly']],
    ['SHARED', ['first', 'exactly']],
  ])('are decided by Postgres where the policy decides row by row: %s', async (tier, statements) => {
    const { unit, sent } = database({ tier, vectors: [vectorOf(0)], exactly: [7] });
    const found = await known(unit, false)(() => undefined);
    expect(idsOf(found)).toEqual([idOf(7)]);
    expect(sent).toEqual(statements);
  });
});
