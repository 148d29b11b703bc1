import { newId } from '#kernel';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AWAY, bytesOf, FAR, FakeDatabase, NEAR, row } from './fake-database.js';

let database: FakeDatabase;
beforeEach(() => {
  database = new FakeDatabase(1);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await database.kept.stop();
});

describe('kept vectors', () => {
  it('are read once they are searched, and then compared here, the nearest first', async () => {
    const { pool, ids } = database.poolOf('pool', [AWAY, FAR, NEAR]);
    await database.found([pool]);
    expect(database.wasSearched()).toBe(true);
    await database.kept.settled();
    database.asked.length = 0;
    expect(await database.found([pool])).toEqual([...ids].reverse());
    expect(database.asked).toEqual([]);
  });

  it('are not used before all of them are there', async () => {
    const { pool } = database.poolOf('pool', [NEAR]);
    let resolve = (): void => undefined;
    database.reading = new Promise<void>((go) => (resolve = go));
    for (let nth = 0; nth < 2; nth++) await database.found([pool]);
    expect(database.asked.splice(0).filter((name) => name === 'vector_placements')).toHaveLength(2);
    resolve();
    await database.kept.settled();
    database.asked.length = 0;
    await database.found([pool]);
    expect(database.wasSearched()).toBe(false);
  });

  it('are used in all pools of a search or in none', async () => {
    const [one, other] = [database.poolOf('one', [NEAR]), database.poolOf('other', [FAR])];
    await database.keepAll([one.pool]);
    await database.found([one.pool, other.pool]);
    expect(database.wasSearched()).toBe(true);
    await database.kept.settled();
    database.asked.length = 0;
    expect(await database.found([one.pool, other.pool])).toEqual([...one.ids, ...other.ids]);
    expect(database.asked).toEqual([]);
  });

  it('are asked for where they were made after their memories were taken in; what has none is not found', async () => {
    const { pool, ids } = database.poolOf('pool', [FAR]);
    await database.keepAll([pool]);
    const [late, never] = [newId(), newId()];
    pool.takeIn([row('pool', late), row('pool', never)]);
    expect(await database.found([pool])).toEqual(ids);
    database.stored['space']?.set(late, NEAR);
    expect(await database.found([pool])).toEqual([late, ...ids]);
    expect(database.asked).toEqual(['vectors_of', 'vectors_of']);
  });

  it('come with what was written, if they are of the same space', async () => {
    const { pool, ids } = database.poolOf('pool', [FAR]);
    await database.keepAll([pool]);
    const [here, elsewhere] = [newId(), newId()];
    const written = (id: string, spaceId: string) => ({
      ...row('pool', id),
      vector: { spaceId, stored: bytesOf(NEAR) },
    });
    pool.takeIn([written(here, 'space')]);
    expect(await database.found([pool])).toEqual([here, ...ids]);
    expect(database.asked).toEqual([]);
    pool.takeIn([written(elsewhere, 'other')]);
    expect(await database.found([pool])).toEqual([here, ...ids]);
    expect(database.asked).toEqual(['vectors_of']);
  });

  it('leave with their memories', async () => {
    const { pool, ids } = database.poolOf('pool', [NEAR, FAR]);
    await database.keepAll([pool]);
    pool.takeIn([{ ...row('pool', ids[0] as string), status: 'FORGOTTEN' }]);
    expect(await database.found([pool])).toEqual([ids[1]]);
    expect(pool.vectors?.size).toBe(2);
  });

  it('are each taken once, however many searches ask for them', async () => {
    const { pool } = database.poolOf('pool', []);
    await database.keepAll([pool]);
    const late = newId();
    pool.takeIn([row('pool', late)]);
    database.stored['space']?.set(late, NEAR);
    expect(await Promise.all([database.found([pool]), database.found([pool])])).toEqual([[late], [late]]);
  });

  it('are compared row by row too; but not by a recall that has filled some in, which may be of words that it did not hear of', async () => {
    const { pool, ids } = database.poolOf('pool', [FAR]);
    await database.keepAll([pool]);
    const late = newId();
    pool.takeIn([row('pool', late)]);
    expect(await database.found([pool], { readsWhole: false })).toEqual(ids);
    expect(database.asked.splice(0)).toEqual(['vectors_of']);
    database.stored['space']?.set(late, NEAR);
    await database.found([pool], { readsWhole: false });
    expect(database.asked.splice(0)).toEqual(expect.arrayContaining(['vectors_of', 'vector_placements']));
    expect(await database.found([pool], { readsWhole: false })).toEqual([late, ...ids]);
    expect(database.asked).toEqual([]);
  });

  it('are not compared row by row by a recall in the middle of which another has filled some in', async () => {
    const { pool, ids } = database.poolOf('pool', [FAR]);
    await database.keepAll([pool]);
    const late = newId();
    pool.takeIn([row('pool', late)]);
    database.stored['space']?.set(late, NEAR);
    const [rowByRow, whole] = [database.search([pool], { readsWhole: false }), database.search([pool])];
    expect(await whole()).toEqual([late, ...ids]);
    expect(database.wasSearched()).toBe(false);
    await rowByRow();
    expect(database.wasSearched()).toBe(true);
  });

  it('of what the caller may not read take no place among the nearest', async () => {
    const many = Array.from({ length: 150 }, () => NEAR);
    const { pool, ids } = database.poolOf('pool', [...many, ...many.map(() => FAR)]);
    await database.keepAll([pool]);
    const hides = (id: string) => ids.indexOf(id) < many.length;
    const shown = await database.found([pool], { hides });
    expect(shown).toHaveLength(100);
    expect(shown.filter(hides)).toEqual([]);
  });

  it('are left to the database where very many are lacking, until these were asked for in the background', async () => {
    const { pool } = database.poolOf('pool', [NEAR]);
    await database.keepAll([pool]);
    const many = Array.from({ length: 201 }, () => newId());
    pool.takeIn(many.map((id) => row('pool', id)));
    await database.found([pool]);
    expect(database.wasSearched()).toBe(true);
    await database.kept.settled();
    for (const id of many) database.stored['space']?.set(id, FAR);
    await database.found([pool]);
    expect(database.wasSearched()).toBe(true);
    await database.kept.settled();
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    await database.keepAll([pool]);
    expect(await database.found([pool])).toHaveLength(100);
    expect(database.asked).toEqual([]);
    expect(pool.vectors?.size).toBe(2 * 202);
  });

  it('are read anew in another space', async () => {
    const { pool, ids } = database.poolOf('pool', [NEAR, AWAY]);
    await database.keepAll([pool]);
    database.stored['other'] = new Map([[ids[1] as string, NEAR]]);
    await database.found([pool], { spaceId: 'other' });
    expect(database.wasSearched()).toBe(true);
    await database.kept.settled();
    expect(await database.found([pool], { spaceId: 'other' })).toEqual([ids[1]]);
  });

  it('are the database’s where they were let go of in the middle of a search', async () => {
    const { pool } = database.poolOf('pool', [NEAR]);
    await database.keepAll([pool]);
    const go = database.search([pool]);
    database.kept.letGo(pool);
    await go();
    expect(database.wasSearched()).toBe(true);
  });

  it('are the database’s where they were let go of while some were filled in', async () => {
    const { pool } = database.poolOf('pool', [NEAR]);
    await database.keepAll([pool]);
    pool.takeIn([row('pool', newId())]);
    const going = database.found([pool]);
    database.kept.letGo(pool);
    await going;
    expect(database.wasSearched()).toBe(true);
  });

  it('are not those of a memory that changed while they were asked for', async () => {
    const { pool, ids } = database.poolOf('pool', [FAR]);
    await database.keepAll([pool]);
    const late = newId();
    pool.takeIn([row('pool', late)]);
    database.stored['space']?.set(late, NEAR);
    const going = database.found([pool]);
    pool.takeIn([row('pool', late)]);
    expect(await going).toEqual(ids);
    expect(pool.vectors?.lacking.size).toBe(1);
    expect(await database.found([pool])).toEqual([late, ...ids]);
  });

  it('are tried again a minute after a failure, which is told', async () => {
    const { pool, ids } = database.poolOf('pool', [NEAR]);
    database.failing = new Error('no connection');
    await database.keepAll([pool]);
    expect(database.errors).toEqual([database.failing]);
    database.failing = undefined;
    await database.keepAll([pool]);
    await database.found([pool]);
    expect(database.wasSearched()).toBe(true);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    await database.keepAll([pool]);
    expect(await database.found([pool])).toEqual(ids);
    expect(database.asked).toEqual([]);
  });

  it('are none where there is no room for any', async () => {
    database = new FakeDatabase(0);
    const { pool } = database.poolOf('pool', [NEAR]);
    await database.keepAll([pool]);
    await database.found([pool]);
    expect(database.wasSearched()).toBe(true);
  });
});
