import type { MemoryStatus } from '#access';
import { parseFilter } from '../../libs/memory/src/read/memory-filter.js';
import { analyse } from '../../libs/memory/src/recall/analysis.js';
import { lexicalCandidates, nearest } from '../../libs/memory/src/recall/recall.repository.js';
import { embed } from '../support/embedding-server.js';
import { COMMON, type Name, type Twins } from './twins.js';

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
    const scope = { orgId: org, filter: grants.readFilter, now: new Date(), space: rows[0] as { spaceId: string } };
    const filter = parseFilter({ statuses }, 'filter', grants);
    const near = await nearest(unit, scope, filter, embed(COMMON));
    const { candidates } = await lexicalCandidates(unit, scope, filter, analyse(COMMON));
    return { byMeaning: near.map(({ id }) => id).sort(), byWords: candidates.map(({ id }) => id).sort() };
  });
}
