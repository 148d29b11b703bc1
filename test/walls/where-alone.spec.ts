import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeCursor } from '../../libs/feed/src/cursor.js';
import { parseFilter } from '../../libs/memory/src/read/memory-filter.js';
import { analyse } from '../../libs/memory/src/recall/analysis.js';
import { lexicalCandidates, memoriesOfSessions } from '../../libs/memory/src/recall/recall.repository.js';
import { findVectors } from '../../libs/memory/src/vectors/kept/kept-vectors.repository.js';
import { countActive, readPage } from '../../libs/memory/src/recall/term-index/term-index.repository.js';
import { READ_PATHS } from './read-paths.js';
import { searches } from './searches.js';
import { SecondLook } from './second-look.js';
import { ABOUT, COMMON, Twins, type Name } from './twins.js';
import { WRITE_PATHS } from './write-paths.js';

let twins: Twins;
let look: SecondLook;
let countedThere: Awaited<ReturnType<typeof counts>>;
beforeAll(async () => {
  twins = await Twins.make();
  countedThere = await counts(twins.twin);
  look = SecondLook.at(twins.database);
});
afterAll(() => twins.close());

const ask = async (text: string, values: unknown[] = []) =>
  (await twins.database.maintenance<Record<string, unknown>>(text, values)).rows;

const counts = (org: string) =>
  ask(
    `select p.key, p.seq, (select count(*) from memory_event e where e.org_id = p.org_id and e.pool_id = p.pool_id) as events,
       p.memories, (select count(*) from memory m where m.org_id = p.org_id and m.pool_id = p.pool_id and m.status = 'ACTIVE') as active
     from pool p where p.org_id = $1 order by p.key`,
    [org],
  );

describe('without row-level security each statement does the same, beside another organisation with the same ids', () => {
  it.each([...READ_PATHS, ...WRITE_PATHS])('%s', async (_, walk) => {
    await walk(twins);
    expect(await look.found()).toEqual([]);
  });
});

describe('what row-level security does not hold', () => {
  it.each<Name>(['coder', 'tester', 'reviewer'])('a cursor of the %s tells of its own pools alone', async (name) => {
    const caller = twins.callers[name];
    const { readFilter } = await twins.broker.access.grants(caller);
    const [{ epoch }] = (await ask('select feed_epoch as epoch from organization where org_id = $1', [twins.org])) as [
      { epoch: string },
    ];
    const { seqs } = decodeCursor(await twins.broker.feed.cursor(caller), epoch, 'after');
    expect([...seqs.keys()].sort()).toEqual([...readFilter.poolIds].sort());
  });

  it('what a proposal was made from is not told to whoever may not see the proposal, as once it was', async () => {
    const { broker, callers, ids } = twins;
    const input = { type: 'EPISODIC' as const, pool: 'shared', content: 'made of another', derivedFrom: [ids.coders] };
    const { memory } = await broker.memorize.memorize(callers.coder, input);
    expect([...(await broker.memories.sources(callers.coder, [memory.id])).keys()]).toEqual([memory.id]);
    expect((await broker.memories.sources(callers.tester, [memory.id])).size).toBe(0);
  });

  it('neither search answers a proposal that the policy shows to others alone', async () => {
    const { org, callers } = twins;
    const proposals = await ask(
      `select memory_id as id, author_id as author from memory where org_id = $1 and status = 'PROPOSED' order by 1`,
      [org],
    );
    const own = proposals.filter(({ author }) => author === callers.tester.id).map(({ id }) => id);
    const { byMeaning, byWords } = await searches(twins, 'tester', ['PROPOSED']);
    expect(byMeaning).toEqual(own);
    expect(own).toEqual(expect.arrayContaining(byWords));
    expect(byWords.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThan(proposals.length);
  });

  it('a search counts the memories of the pools that are searched, and only them', async () => {
    const { broker, callers, database, org, ids } = twins;
    const expire = (at: string | null) =>
      database.maintenance('update memory set expires_at = $3 where org_id = $1 and memory_id = $2', [
        org,
        ids.coders,
        at,
      ]);
    await expire('2001-01-01T00:00:00Z');
    const { pools } = await broker.access.grants(callers.tester);
    const poolId = pools.find(({ key }) => key === 'tester')?.id as string;
    const { documents } = await broker.access.read(callers.tester, (unit, grants) => {
      const scope = { orgId: org, filter: grants.readFilter.narrow([poolId]), now: new Date(), space: null };
      return lexicalCandidates(unit, scope, parseFilter(null, 'filter', grants), analyse(COMMON));
    });
    await expire(null);
    const held = await ask(
      `select from memory where org_id = $1 and pool_id = $2 and status = 'ACTIVE' and (expires_at is null or expires_at > now())`,
      [org, poolId],
    );
    expect(held.length).toBeGreaterThan(0);
    expect(documents).toBe(held.length);
  });

  it('what is read of one pool is of that pool: beside a memory in its session, and to be kept in memory', async () => {
    const { broker, callers, database, org, ids } = twins;
    const { poolId } = (await ask('select pool_id as "poolId" from memory where memory_id = $1', [ids.coders]))[0] as {
      poolId: string;
    };
    const beside = await broker.access.read(callers.coder, (unit, grants) => {
      const scope = { orgId: org, filter: grants.readFilter, now: new Date(), space: null };
      const anchors = [{ id: ids.coders, poolId, sessionId: ABOUT.sessionId }];
      return memoriesOfSessions(unit, scope, parseFilter(null, 'filter', grants), anchors);
    });
    const kept = await broker.access.system('test', (unit) => readPage(unit, org, { poolId, after: null }, 1_000));
    for (const rows of [beside, kept]) expect([...new Set(rows.map((row) => row.poolId))]).toEqual([poolId]);
    const held = `select from memory where org_id = $1 and pool_id = $2 and status = 'ACTIVE'`;
    const { rowCount } = await database.maintenance(held, [org, poolId]);
    expect(kept).toHaveLength(rowCount);
  });

  it('vectors are read of the pools that are named, whatever memories are asked for', async () => {
    const { broker, org } = twins;
    const stored = await ask(
      'select memory_id as id, pool_id as "poolId", space_id as "spaceId" from memory_vector where org_id = $1',
      [org],
    );
    const { poolId, spaceId } = stored[0] as { poolId: string; spaceId: string };
    const wanted = { spaceId, poolIds: [poolId], memoryIds: stored.map(({ id }) => id as string) };
    const found = await broker.access.system('test', (unit) => findVectors(unit, org, wanted));
    const ofPool = stored.filter((row) => row.poolId === poolId && row.spaceId === spaceId).map(({ id }) => id);
    expect(ofPool.length).toBeLessThan(stored.length);
    expect(found.map(({ id }) => id).sort()).toEqual(ofPool.sort());
  });

  it('what is told of the size of a pool is of that pool', async () => {
    const { broker, org } = twins;
    const pools = await ask('select pool_id as id, memories from pool where org_id = $1', [org]);
    expect(new Set(pools.map(({ memories }) => memories)).size).toBeGreaterThan(1);
    for (const { id, memories } of pools)
      expect(await broker.access.system('test', (unit) => countActive(unit, org, id as string))).toBe(memories);
  });

  it('every pool counts its own events and memories, and only them', async () => {
    const here = await counts(twins.org);
    expect(here.length).toBeGreaterThan(5);
    expect(here.filter(({ seq, events, memories, active }) => seq !== events || memories !== active)).toEqual([]);
    const counted = (pools: typeof here) => pools.map(({ key, seq, memories }) => ({ key, seq, memories }));
    expect(counted(await counts(twins.twin))).toEqual(counted(countedThere));
  });
});

describe('the second look', () => {
  const asCoder = (text: string) =>
    twins.broker.access.read(twins.callers.coder, (unit) => unit.query({ text, values: [] }));

  it('is there: a statement that names no organisation is found out', async () => {
    await asCoder('select key from pool');
    expect(await look.found()).toHaveLength(1);
    await asCoder(`select memory_id from memory where org_id = '${twins.org}'`);
    expect(await look.found()).toHaveLength(1);
  });
});
