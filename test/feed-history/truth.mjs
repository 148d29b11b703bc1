// What Postgres holds in the end, told into the history: the log, the memories, the policies.
import pg from 'pg';

const LOG = `select p.key as p, e.seq::float8 as n, e.memory_id as m, e.kind as e, extract(epoch from e.occurred_at)::float8 * 1000 as at
  from memory_event e join pool p on p.org_id = e.org_id and p.pool_id = e.pool_id order by e.pool_id, e.seq`;
const MEMORIES = `select m.memory_id as m, p.key as p, m.type, m.entity_id as "entityId", m.labels, m.status, m.was_held as held, m.content as o,
  array(select r.content from memory_revision r where r.org_id = m.org_id and r.memory_id = m.memory_id order by r.version) as earlier
  from memory m join pool p on p.org_id = m.org_id and p.pool_id = m.pool_id`;
const POLICIES = 'select version as v, statements from policy order by version';
const HEADS = 'select pool_id as id, key as p, seq::float8 as n from pool';

/** @param {string} databaseUrl @param {import('./history.mjs').History} history */
export async function tellTruth(databaseUrl, history) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    // One snapshot of all.
    await client.query('begin isolation level repeatable read');
    const { rows } = await client.query('select feed_epoch as epoch from organization');
    history.tell('epoch', { epoch: rows[0].epoch });
    for (const [kind, text] of Object.entries({ head: HEADS, policy: POLICIES, memory: MEMORIES, log: LOG }))
      for (const row of (await client.query(text)).rows) history.tell(kind, row);
    await client.query('commit');
  } finally {
    await client.end();
  }
}
