import { newId } from '#kernel';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PoolTerms } from '../../recall/term-index/pool-terms.js';
import { bytesOf, FakeDatabase, NEAR, row } from './fake-database.js';

let database: FakeDatabase;
beforeEach(() => {
  database = new FakeDatabase(1 / 16);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await database.kept.stop();
});

describe('the room for kept vectors', () => {
  /** A page holds 1,024 vectors of up to 16 numbers. */
  const filling = Array.from({ length: 1_000 }, () => NEAR);
  const isHere = async (pool: PoolTerms): Promise<boolean> => {
    await database.found([pool]);
    return !database.wasSearched();
  };

  it('is left to what was searched a short while ago, and given up by what was not', async () => {
    const [one, other] = [database.poolOf('one', filling).pool, database.poolOf('other', filling).pool];
    await database.keepAll([one]);
    await database.keepAll([other]);
    expect([await isHere(one), await isHere(other)]).toEqual([true, false]);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    await database.keepAll([other]);
    expect([await isHere(other), await isHere(one)]).toEqual([true, false]);
    expect(database.errors).toEqual([]);
  });

  it('that a pool has outgrown is given back, and not asked for again at once', async () => {
    const { pool } = database.poolOf('pool', filling);
    await database.keepAll([pool]);
    const more = Array.from({ length: 100 }, () => newId());
    pool.takeIn(more.map((id) => ({ ...row('pool', id), vector: { spaceId: 'space', stored: bytesOf(NEAR) } })));
    for (const id of more) database.stored['space']?.set(id, NEAR);
    for (let nth = 0; nth < 2; nth++) {
      expect(await isHere(pool)).toBe(false);
      await database.kept.settled();
    }
    const { pool: small, ids } = database.poolOf('small', [NEAR]);
    await database.keepAll([small]);
    expect(await database.found([small])).toEqual(ids);
    expect(database.asked).toEqual([]);
  });
});
