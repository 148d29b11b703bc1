import type { ReadFilter } from '#access';
import type { Database, Statement, Unit } from '#platform';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openTestDatabase } from '../../../../test/support/database.js';
import type { MemoryFilter } from '../read/memory-filter.js';
import { nearestFirst } from './nearest.repository.js';

const ORG = '00000000-0000-7000-8000-000000000001';
const POOL = '00000000-0000-7000-8000-000000000002';
const SPACE = '00000000-0000-7000-8000-000000000003';

let db: Database;
beforeAll(async () => {
  db = await openTestDatabase();
  await db.maintenance(`create index on memory_vector using hnsw ((embedding::halfvec(2)) halfvec_cosine_ops)
    where space_id = '${SPACE}' and pool_id = '${POOL}'`);
});
afterAll(() => db.close());

async function statement(): Promise<Statement> {
  const sent: Statement[] = [];
  const unit = { query: (one: Statement) => Promise.resolve(sent.push(one) && []) } as unknown as Unit;
  const rules = { where: () => 'true', shows: () => 'true', column: () => 'null', maskedFields: () => 'null' };
  const filter = { poolIds: [POOL], readsWhole: () => true, ...rules } as unknown as ReadFilter;
  const scope = { orgId: ORG, filter, now: new Date(), space: { spaceId: SPACE, exactFactor: 1 } };
  const any = { poolIds: null, types: null, statuses: ['ACTIVE'], labels: [], moment: null } as unknown as MemoryFilter;
  await nearestFirst(unit, scope, any, { vector: [1, 0], index: { dimensions: 2, ownPoolId: POOL } });
  return sent[0] as Statement;
}

it('what an index gives in relaxed order is sorted, and then the memories are read until there are enough', async () => {
  const { text, values } = await statement();
  const scope = { role: 'commonplace_system' as const, opening: { text: `select sec.open_system('${ORG}')` } };
  const plan = await db.unit(scope, async (unit) => {
    for (const method of ['sort', 'seqscan', 'bitmapscan'])
      await unit.query({ text: `set local enable_${method} = off` });
    const rows = await unit.query<{ 'QUERY PLAN': string }>({
      text: `explain (costs off) ${text}`,
      values: values as unknown[],
    });
    // Later versions say of each step whether it is one of those that are off.
    const steps = rows.map((row) => row['QUERY PLAN']).filter((step) => !step.includes('Disabled'));
    return steps.join('\n');
  });
  expect(plan).toMatch(/Index Scan using memory_vector_embedding_idx/);
  expect(plan).toMatch(/Limit\n *-> +Nested Loop\n *-> +Sort\n *Sort Key: .*distance.*\n *-> +CTE Scan on near/);
});
