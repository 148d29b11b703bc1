import { newId } from '#kernel';
import type { PoolFact } from './policy-oracle.js';
import type { PolicyWorld } from './policy-world.js';
import { ids, normal, own, OWN, sortById, type Outcome, type View, type Visit } from './read-views.js';

/** One that has touched every memory of the pool; what it really was is nothing to those who read of it. */
export async function insertRun({ api, facts }: PolicyWorld, pool: PoolFact): Promise<void> {
  const run = newId();
  await api.broker.database.maintenance(
    `insert into consolidation_run (org_id, run_id, pool_id, status, dry_run, older_than_days, as_of)
     select org_id, $1, pool_id, 'SUCCEEDED', false, 30, now() from pool where key = $2`,
    [run, pool.key],
  );
  const touched = facts.filter((fact) => fact.pool === pool).map(({ id }) => id);
  await api.broker.database.maintenance(
    `insert into consolidation_change (org_id, run_id, place, pool_id, kind, state, memory_ids, versions, after_id, after_version, reason)
     select org_id, run_id, 1, pool_id, 'MERGED', 'APPLIED', $2::uuid[], array_fill(1, array[cardinality($2::uuid[])]), $3, 1, 'a reason'
     from consolidation_run where run_id = $1`,
    [run, touched, touched[0]],
  );
}

interface Run {
  pool: { key: string };
  changes: { before: View[]; after: View | null }[];
}

/** Of pools in which all may be consolidated; and of their memories what may be read. */
export async function consolidationRuns(visit: Visit): Promise<Outcome[]> {
  const { world, client, oracle } = visit;
  const query = `{ consolidationRuns(first: 100) { pool { key } changes { before { ${OWN} } after { ${OWN} } } } }`;
  const { consolidationRuns: runs } = await client.ask<{ consolidationRuns: Run[] }>(query);
  return world.pools.map((pool) => {
    const of = world.facts.filter((fact) => fact.pool === pool);
    const isTold = oracle.always('CONSOLIDATE', pool);
    const shown = isTold ? of.filter((fact) => oracle.sees(fact)) : [];
    const told = runs.filter(({ pool: { key } }) => key === pool.key).flatMap(({ changes }) => changes);
    const heard = told.map(({ before, after }) => ({
      before: sortById(before.map((memory) => normal(memory) as View)),
      after: normal(after),
    }));
    const [first] = of;
    const after = first && ids(shown).includes(first.id) ? own(visit, first) : null;
    const expected = isTold ? [{ before: sortById(shown.map((fact) => own(visit, fact))), after }] : [];
    return { heard, expected, shown, of };
  });
}
