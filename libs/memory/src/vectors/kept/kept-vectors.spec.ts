import type { AccessService } from '#access';
import { newId } from '#kernel';
import type { Statement, Unit } from '#platform';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ReadScope } from '../../memory.repository.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import { PoolTerms } from '../../recall/term-index/pool-terms.js';
import type { TermRow } from '../../recall/term-index/term-index.repository.js';
import { KeptVectors } from './kept-vectors.js';

const [HALF, ONE, MINUS_ONE] = [0x3800, 0x3c00, 0xbc00];
/** The nearer to [1, 0] the first is. */
const [NEAR, FAR, AWAY] = [
  [ONE, 0],
  [HALF, ONE],
  [MINUS_ONE, 0],
];
const QUESTION = [1, 0];

/** What the database has, by space and memory. */
let stored: Record<string, Map<string, number[]>>;
/** The names of the statements that it was asked. */
let asked: string[];
let failing: Error | undefined;
let errors: unknown[];
let kept: KeptVectors;
let reading: Promise<unknown> | undefined;

const bytesOf = (halves: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 2 * halves.length);
  bytes.writeUInt16BE(halves.length, 0);
  halves.forEach((half, at) => bytes.writeUInt16BE(half, 4 + 2 * at));
  return bytes;
};
const unit = {
  query: ({ name = '', values = [] }: Statement) => {
    asked.push(name);
    if (name !== 'vectors_of') return Promise.resolve([]);
    if (failing) return Promise.reject(failing);
    const [, spaceId, , ids] = values as [string, string, string[], string[]];
    const found = ids.flatMap((id) => {
      const vector = stored[spaceId]?.get(id);
      return vector ? [{ id, vector: bytesOf(vector) }] : [];
    });
    return Promise.resolve(found);
  },
} as unknown as Unit;
const access = {
  orgId: 'organisation',
  system: async (_: string, work: (of: Unit) => Promise<unknown>) => {
    await reading;
    return work(unit);
  },
} as unknown as AccessService;

const open = (megabytes: number) => new KeptVectors(access, megabytes, (error) => errors.push(error));

beforeEach(() => {
  stored = { space: new Map(), other: new Map() };
  [asked, errors, failing, reading] = [[], [], undefined, undefined];
  kept = open(1);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await kept.stop();
});

const row = (poolId: string, id: string): TermRow =>
  ({
    id,
    poolId,
    status: 'ACTIVE',
    sessionId: null,
    speaker: null,
    labels: [],
    terms: '',
    length: 0,
  }) as unknown as TermRow;

function poolOf(poolId: string, vectors: readonly (readonly number[])[]): { pool: PoolTerms; ids: string[] } {
  const pool = new PoolTerms(poolId, '1:1:');
  const ids = vectors.map((vector) => {
    const id = newId();
    stored['space']?.set(id, [...vector]);
    return id;
  });
  pool.takeIn(ids.map((id) => row(poolId, id)));
  return { pool, ids };
}

function search(pools: readonly PoolTerms[], { spaceId = 'space', readsWhole = true } = {}): () => Promise<string[]> {
  const narrowed = { readsWhole: () => readsWhole, poolIds: pools.map(({ poolId }) => poolId) };
  const filter = { ...narrowed, narrow: () => filter } as unknown as ReadScope['filter'];
  const scope = { orgId: 'organisation', filter, now: new Date(), space: { spaceId } };
  const find = kept.near(unit, scope, pools, { wanted: {} as MemoryFilter, vector: QUESTION });
  const passageAt = (pool: PoolTerms, place: number) => pool.passages[place];
  return async () => {
    const near = await find({ passageAt, passageOf: () => undefined });
    return near.map(({ passage }) => passage.id);
  };
}
const found = (...of: Parameters<typeof search>): Promise<string[]> => search(...of)();
const wasDatabaseAsked = (): boolean => asked.splice(0).includes('vector_placements');

async function keepAll(pools: readonly PoolTerms[]): Promise<void> {
  await found(pools).catch(() => undefined);
  await kept.settled();
  asked.length = 0;
}

describe('kept vectors', () => {
  it('are read once they are searched, and then compared here, the nearest first', async () => {
    const { pool, ids } = poolOf('pool', [AWAY, FAR, NEAR]);
    await found([pool]).catch(() => undefined);
    expect(wasDatabaseAsked()).toBe(true);
    await kept.settled();
    asked.length = 0;
    expect(await found([pool])).toEqual([...ids].reverse());
    expect(asked).toEqual([]);
  });

  it('are not used before all of them are there', async () => {
    const { pool } = poolOf('pool', [NEAR]);
    let resolve = (): void => undefined;
    reading = new Promise<void>((go) => (resolve = go));
    for (let nth = 0; nth < 2; nth++) await found([pool]).catch(() => undefined);
    expect(asked.splice(0).filter((name) => name === 'vector_placements')).toHaveLength(2);
    resolve();
    await kept.settled();
    asked.length = 0;
    await found([pool]);
    expect(wasDatabaseAsked()).toBe(false);
  });

  it('are used in all pools of a search or in none', async () => {
    const [one, other] = [poolOf('one', [NEAR]), poolOf('other', [FAR])];
    await keepAll([one.pool]);
    await found([one.pool, other.pool]).catch(() => undefined);
    expect(wasDatabaseAsked()).toBe(true);
    await kept.settled();
    asked.length = 0;
    expect(await found([one.pool, other.pool])).toEqual([...one.ids, ...other.ids]);
    expect(asked).toEqual([]);
  });

  it('are asked for where they were made after their memories were taken in; what has none is not found', async () => {
    const { pool, ids } = poolOf('pool', [FAR]);
    await keepAll([pool]);
    const [late, never] = [newId(), newId()];
    pool.takeIn([row('pool', late), row('pool', never)]);
    expect(await found([pool])).toEqual(ids);
    stored['space']?.set(late, NEAR);
    expect(await found([pool])).toEqual([late, ...ids]);
    expect(asked).toEqual(['vectors_of', 'vectors_of']);
  });

  it('come with what was written, if they are of the same space', async () => {
    const { pool, ids } = poolOf('pool', [FAR]);
    await keepAll([pool]);
    const [here, elsewhere] = [newId(), newId()];
    const written = (id: string, spaceId: string) => ({
      ...row('pool', id),
      vector: { spaceId, stored: bytesOf(NEAR) },
    });
    pool.takeIn([written(here, 'space')]);
    expect(await found([pool])).toEqual([here, ...ids]);
    expect(asked).toEqual([]);
    pool.takeIn([written(elsewhere, 'other')]);
    expect(await found([pool])).toEqual([here, ...ids]);
    expect(asked).toEqual(['vectors_of']);
  });

  it('leave with their memories', async () => {
    const { pool, ids } = poolOf('pool', [NEAR, FAR]);
    await keepAll([pool]);
    pool.takeIn([{ ...row('pool', ids[0] as string), status: 'FORGOTTEN' }]);
    expect(await found([pool])).toEqual([ids[1]]);
    expect(pool.vectors?.size).toBe(2);
  });

  it('are each taken once, however many searches ask for them', async () => {
    const { pool } = poolOf('pool', []);
    await keepAll([pool]);
    const late = newId();
    pool.takeIn([row('pool', late)]);
    stored['space']?.set(late, NEAR);
    expect(await Promise.all([found([pool]), found([pool])])).toEqual([[late], [late]]);
  });

  it('are left to the database where some are lacking and the policy decides row by row', async () => {
    const { pool, ids } = poolOf('pool', [NEAR]);
    await keepAll([pool]);
    expect(await found([pool], { readsWhole: false })).toEqual(ids);
    expect(wasDatabaseAsked()).toBe(false);
    pool.takeIn([row('pool', newId())]);
    await found([pool], { readsWhole: false }).catch(() => undefined);
    expect(asked).toContain('vector_placements');
    expect(asked).not.toContain('vectors_of');
  });

  it('are left to the database where very many are lacking', async () => {
    const { pool } = poolOf('pool', [NEAR]);
    await keepAll([pool]);
    pool.takeIn(Array.from({ length: 201 }, () => row('pool', newId())));
    await found([pool]).catch(() => undefined);
    expect(asked).toContain('vector_placements');
  });

  it('are read anew in another space', async () => {
    const { pool, ids } = poolOf('pool', [NEAR, AWAY]);
    await keepAll([pool]);
    stored['other'] = new Map([[ids[1] as string, NEAR]]);
    await found([pool], { spaceId: 'other' }).catch(() => undefined);
    expect(wasDatabaseAsked()).toBe(true);
    await kept.settled();
    expect(await found([pool], { spaceId: 'other' })).toEqual([ids[1]]);
  });

  it('are the database’s where they were let go of in the middle of a search', async () => {
    const { pool } = poolOf('pool', [NEAR]);
    await keepAll([pool]);
    const go = search([pool]);
    kept.letGo(pool);
    await go().catch(() => undefined);
    expect(wasDatabaseAsked()).toBe(true);
  });

  it('are tried again after a failure, which is told', async () => {
    const { pool, ids } = poolOf('pool', [NEAR]);
    failing = new Error('no connection');
    await keepAll([pool]);
    expect(errors).toEqual([failing]);
    failing = undefined;
    await keepAll([pool]);
    expect(await found([pool])).toEqual(ids);
    expect(asked).toEqual([]);
  });

  it('are none where there is no room for any', async () => {
    kept = open(0);
    const { pool } = poolOf('pool', [NEAR]);
    await keepAll([pool]);
    await found([pool]).catch(() => undefined);
    expect(wasDatabaseAsked()).toBe(true);
  });
});

describe('the room for kept vectors', () => {
  /** A page holds 1,024 vectors of up to 16 numbers. */
  const filling = Array.from({ length: 1_000 }, () => NEAR);
  beforeEach(() => {
    kept = open(1 / 16);
  });
  const isHere = async (pool: PoolTerms): Promise<boolean> => {
    await found([pool]).catch(() => undefined);
    return !wasDatabaseAsked();
  };

  it('is left to what was searched a short while ago, and given up by what was not', async () => {
    const [one, other] = [poolOf('one', filling).pool, poolOf('other', filling).pool];
    await keepAll([one]);
    await keepAll([other]);
    expect([await isHere(one), await isHere(other)]).toEqual([true, false]);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    await keepAll([other]);
    expect([await isHere(other), await isHere(one)]).toEqual([true, false]);
    expect(errors).toEqual([]);
  });

  it('that a pool has outgrown is given back, and not asked for again at once', async () => {
    const { pool } = poolOf('pool', filling);
    await keepAll([pool]);
    const more = Array.from({ length: 100 }, () => newId());
    pool.takeIn(more.map((id) => ({ ...row('pool', id), vector: { spaceId: 'space', stored: bytesOf(NEAR) } })));
    for (const id of more) stored['space']?.set(id, NEAR);
    for (let nth = 0; nth < 2; nth++) {
      expect(await isHere(pool)).toBe(false);
      await kept.settled();
    }
    const { pool: small, ids } = poolOf('small', [NEAR]);
    await keepAll([small]);
    expect(await found([small])).toEqual(ids);
    expect(asked).toEqual([]);
  });
});
