import type { Embedders } from '#embedding';
import { Clock, newId } from '#kernel';
import { MemoryIndex, SpaceFiller, VectorIndexes } from '#memory';
import type { Unit } from '#platform';
import { insertVectors } from '../../libs/memory/src/memory-index.repository.js';
import { copyVectors } from '../../libs/memory/src/review/review.repository.js';
import { countVectors, emptySpace, findSample } from '../../libs/memory/src/spaces/spaces.repository.js';
import { compareSome } from '../../libs/memory/src/vectors/search-costs.repository.js';
import { measureCosts } from '../../libs/memory/src/vectors/search-costs.js';
import { findCurrentSpace, moveVectors, setTier } from '../../libs/memory/src/vectors/vector-indexes.repository.js';
import { DIMENSIONS, embed } from '../support/embedding-server.js';
import type { Path } from './read-paths.js';
import { THERE_ALONE } from './twin.js';
import type { Twins } from './twins.js';

/** Forgotten while the model thought; and for pools and a space that are not here. */
async function insertLate({ broker, database, ids, org, twin }: Twins): Promise<void> {
  const values = [org, ids.unindexed];
  const elsewhere = newId();
  await database.maintenance(
    `insert into embedding_space (org_id, space_id, model, dimensions) values ($1, $2, 'there alone', 1)`,
    [twin, elsewhere],
  );
  await database.maintenance('delete from memory_vector where org_id = $1 and memory_id = $2', values);
  await broker.access.system('test', async (unit) => {
    const pools = await unit.query<{ id: string }>({
      text: `select pool_id as id from pool where org_id = $1 and key = 'coder'`,
      values: [org],
    });
    const spaces = await unit.query<{ id: string }>({
      text: 'select space_id as id from embedding_space where org_id = $1 order by created_at',
      values: [org],
    });
    const vector = { spaceId: spaces[0]?.id as string, embedding: [1] };
    await insertVectors(unit, org, [{ ...vector, memoryId: ids.forgotten, poolId: pools[0]?.id as string }]);
    for (const poolId of [THERE_ALONE.pool, newId()])
      await insertVectors(unit, org, [{ ...vector, memoryId: ids.unindexed, poolId }]);
    const coders = { memoryId: ids.unindexed, poolId: pools[0]?.id as string };
    await insertVectors(unit, org, [{ ...vector, ...coders, spaceId: elsewhere }]);
    await copyVectors(unit, org, { id: ids.unindexed, poolId: THERE_ALONE.pool, from: ids.coders });
  });
  await database.maintenance('delete from embedding_space where space_id = $1', [elsewhere]);
  const text = 'select from memory_vector where org_id = $1 and memory_id = $2';
  if ((await database.maintenance(text, values)).rowCount > 0) throw new Error('a vector of no pool or space');
}

/** There it holds another memory; and what was forgotten here says something there. */
async function emptyRetired({ broker, database, ids, org, twin }: Twins): Promise<void> {
  const spaceId = newId();
  const run = (text: string, ...values: unknown[]) => database.maintenance(text, values);
  await run(
    `insert into embedding_space (org_id, space_id, model, dimensions) values ($1, $2, 'left', 1)`,
    org,
    spaceId,
  );
  const insert = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding)
    select org_id, $2, memory_id, pool_id, '[1]' from memory where org_id = $1 and memory_id = $3`;
  await run(insert, twin, spaceId, ids.coders);
  await run(insert, org, spaceId, ids.forgotten);
  const [sample, held, emptied] = await broker.access.system('test', async (unit) => [
    await findSample(unit, org, spaceId),
    await countVectors(unit, org, spaceId),
    await emptySpace(unit, org, spaceId, 1),
  ]);
  if (sample || held !== 1 || emptied !== 1) throw new Error(JSON.stringify({ sample, held, emptied }));
  for (const table of ['memory_vector', 'embedding_space'])
    await run(`delete from ${table} where space_id = $1`, spaceId);
}

const NEXT: Embedders = {
  model: 'next',
  askedDimensions: null,
  of: () => ({ model: 'next', embed: (texts) => Promise.resolve(texts.map(embed)) }),
  measure: () => Promise.resolve(DIMENSIONS),
};

/** A space is built, takes the place of the one that is searched, and that one goes. */
async function exchangeModel({ broker: { access }, database, org }: Twins): Promise<void> {
  const index = new MemoryIndex(access, NEXT, () => undefined);
  const failed = (_: string, error: unknown) => {
    throw error;
  };
  const parts = { access, spaces: index.spaces as NonNullable<typeof index.spaces>, index, clock: new Clock(0) };
  const filler = new SpaceFiller({ ...parts, onError: failed, onProgress: () => undefined });
  await filler.round();
  await database.maintenance(
    `update embedding_space set retired_at = retired_at - interval '1 hour' where state = 'RETIRED'`,
  );
  await filler.round();
  const { rows } = await database.maintenance('select model, state from embedding_space where org_id = $1', [org]);
  if (JSON.stringify(rows) !== '[{"model":"next","state":"CURRENT"}]') throw new Error(`left: ${JSON.stringify(rows)}`);
}

/** In this order. */
export const CHANGING_VECTORS: readonly Path[] = [
  ['storing a vector of what was forgotten', insertLate],
  ['emptying a space that was left', emptyRetired],
  ['a change of model', exchangeModel],
];

/** There and back, as when a pool has grown and shrunk again; there it is in the shared index when here it is not, and not when it is. */
async function moveBetweenIndexes({ broker, callers, database, org, twin }: Twins): Promise<void> {
  await new VectorIndexes(broker.access, database, () => undefined).run();
  const run = (text: string, ...values: unknown[]) => database.maintenance(text, values);
  const inUnit = <Result>(work: (unit: Unit) => Promise<Result>) => broker.access.system('test', work);
  const space = (await inUnit((unit) => findCurrentSpace(unit, org))) as { spaceId: string; dimensions: number };
  const poolId = (await broker.access.grants(callers.admin)).pools.find(({ key }) => key === 'coder')?.id as string;
  const { spaceId } = space;
  const held = `select embedding::text from memory_vector where org_id = $1 and space_id = $2 and pool_id = $3`;
  const vectors = (await run(held, org, spaceId, poolId)).rows as { embedding: string }[];
  const move = (shared: boolean) => inUnit((unit) => moveVectors(unit, org, { spaceId, poolId, shared }, 100));

  await run(
    `update pool set vector_tier = 'SHARED', vector_space = $3 where org_id = $1 and pool_id = $2`,
    twin,
    poolId,
    spaceId,
  );
  await run('update memory_vector set shared = true where org_id = $1', twin);
  await inUnit((unit) => setTier(unit, org, poolId, { tier: 'SHARED', spaceId, shared: true }));
  const ofOthers = 'update memory_vector set shared = $3 where org_id = $1 and pool_id <> $2';
  const { rowCount: others } = await run(ofOthers, org, poolId, true);
  const measured = await inUnit((unit) => measureCosts(unit, { orgId: org, ...space }));
  await run(ofOthers, org, poolId, false);
  const moved = [await move(true)];
  const compared = await inUnit(async (unit) => {
    await measureCosts(unit, { orgId: org, ...space });
    return compareSome(unit, { orgId: org, ...space }, { poolId, embedding: vectors[0]?.embedding as string });
  });
  await run('update memory_vector set shared = false where org_id = $1', twin);
  moved.push(await move(true));
  const { rowCount: pools } = await run('select from pool where org_id = $1 and vector_shared', org);
  await inUnit((unit) => setTier(unit, org, poolId, { tier: 'EXACT', spaceId, shared: false }));
  moved.push(await move(false));
  const count = vectors.length;
  if (
    measured ||
    pools !== 1 ||
    compared !== count ||
    count === 0 ||
    others === 0 ||
    moved.join() !== [count, 0, count].join()
  )
    throw new Error(JSON.stringify({ measured, pools, compared, count, others, moved }));
}

export const MOVING_VECTORS: readonly Path[] = [['moving vectors between indexes', moveBetweenIndexes]];
