import type { Unit } from '#platform';

/** @param keys the values as the keys of a JSON object */
export async function insertList(unit: Unit, list: { orgId: string; hash: Buffer; keys: string }): Promise<void> {
  await unit.query({
    text: `insert into policy_list (org_id, hash, members) values ($1, $2, $3::jsonb)
      on conflict do nothing`,
    values: [list.orgId, list.hash, list.keys],
  });
}
