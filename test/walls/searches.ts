import type { MemoryStatus } from '#access';
import type { Unit } from '#platform';
import type { ReadScope } from '../../libs/memory/src/memory.repository.js';
import { parseFilter, type MemoryFilter } from '../../libs/memory/src/read/memory-filter.js';
import { analyse } from '../../libs/memory/src/recall/analysis.js';
import {
  lexicalCandidates,
  memoriesAround,
  memoriesOfSessions,
} from '../../libs/memory/src/recall/recall.repository.js';
import { nearest } from '../../libs/memory/src/vectors/nearest.js';
import { findPlacements, nearestExactly, type Nearest } from '../../libs/memory/src/vectors/nearest.repository.js';
import { embed } from '../support/embedding-server.js';
import { ABOUT, COMMON, type Name, type Twins } from './twins.js';

/** What the two searches answer by themselves, before recall reads the memories again by their ids. */
export async function searches(
  { broker, callers, database, org }: Twins,
  name: Name,
  statuses: MemoryStatus[] = ['ACTIVE'],
): Promise<{ byMeaning: string[]; byWords: string[] }> {
  const { rows } = await database.maintenance<{ spaceId: string }>(
    'select space_id as "spaceId" from memory_vector where org_id = $1 limit 1',
    [org],
  );
  return broker.access.read(callers[name], async (unit, grants) => {
    // No factor: an index that is there is asked, however few memories it holds.
    const space = { spaceId: rows[0]?.spaceId as string, exactFactor: 0 };
    const scope = { orgId: org, filter: grants.readFilter, now: new Date(), space };
    const filter = parseFilter({ statuses }, 'filter', grants);
    const near = await nearest(unit, scope, filter, embed(COMMON));
    await assertSearched(unit, scope, filter, near);
    const { passages } = await lexicalCandidates(unit, scope, filter, analyse(COMMON));
    return { byMeaning: near.map(({ id }) => id).sort(), byWords: passages.map(({ id }) => id).sort() };
  });
}

/** That the pools of the scope were looked at and no others, and that comparing every vector finds the same. */
async function assertSearched(
  unit: Unit,
  scope: ReadScope,
  filter: MemoryFilter,
  near: readonly Nearest[],
): Promise<void> {
  const sorted = (ids: readonly string[]) => [...ids].sort().join();
  const { pools } = await findPlacements(unit, scope);
  const exactly = await nearestExactly(unit, scope, filter, embed(COMMON));
  if (sorted(pools.map(({ poolId }) => poolId)) !== sorted(scope.filter.poolIds)) throw new Error('other pools');
  if (sorted(exactly.map(({ id }) => id)) !== sorted(near.map(({ id }) => id))) throw new Error('other memories');
}

/** What stands beside each memory of the session, read whole and in windows: the session must be a long one before recall asks for those. */
export async function session({ broker, callers, database, org }: Twins, name: Name): Promise<string[]> {
  const { rows } = await database.maintenance<{ id: string; poolId: string }>(
    'select memory_id as id, pool_id as "poolId" from memory where org_id = $1 and session_id = $2',
    [org, ABOUT.sessionId],
  );
  return broker.access.read(callers[name], async (unit, grants) => {
    const scope = { orgId: org, filter: grants.readFilter, now: new Date(), space: null };
    const filter = parseFilter(null, 'filter', grants);
    const anchors = rows.map((row) => ({ ...row, sessionId: ABOUT.sessionId }));
    const whole = await memoriesOfSessions(unit, scope, filter, anchors);
    const windows = await memoriesAround(unit, scope, filter, anchors);
    return [...new Set([...whole, ...windows.flat()].map(({ id }) => id))].sort();
  });
}
