import type { Unit } from '#platform';
import { ApiKeyEntity, PrincipalEntity } from './directory.entity.js';
import { DEFAULT_LANGUAGE, type Language } from './language.js';
import type { RecallWeights } from './recall-weights.js';

export function findKeysOf(unit: Unit, orgId: string, principalIds: readonly string[]): Promise<ApiKeyEntity[]> {
  return unit
    .entities(ApiKeyEntity)
    .createQueryBuilder('key')
    .where('key.orgId = :orgId', { orgId })
    .andWhere('key.principalId = any(:ids::uuid[])', { ids: principalIds })
    .orderBy('key.createdAt', 'ASC')
    .getMany();
}

export function findPrincipals(unit: Unit, orgId: string, ids: readonly string[]): Promise<PrincipalEntity[]> {
  return unit
    .entities(PrincipalEntity)
    .createQueryBuilder('principal')
    .where('principal.orgId = :orgId', { orgId })
    .andWhere('principal.id = any(:ids::uuid[])', { ids })
    .getMany();
}

export async function countLiveKeys(unit: Unit, orgId: string, principalId: string): Promise<number> {
  const text = `select from api_key where org_id = $1 and principal_id = $2
    and revoked_at is null and (expires_at is null or expires_at > now())`;
  return (await unit.query({ text, values: [orgId, principalId] })).length;
}

/** Revokes a key that is not revoked yet. @returns whether it did. */
export async function endKey(unit: Unit, orgId: string, keyId: string): Promise<boolean> {
  const ended = await unit.query({
    text: `update api_key set revoked_at = clock_timestamp() where org_id = $1 and key_id = $2 and revoked_at is null
      returning key_id`,
    values: [orgId, keyId],
  });
  return ended.length > 0;
}

/** Fences off every replica with an older list of roles and pools; this unit goes on under the version that it makes. */
export async function raiseDirectoryVersion(unit: Unit, orgId: string): Promise<void> {
  const [head] = await unit.query<{ version: number }>({
    text: `update policy_head set directory_version = directory_version + 1 where org_id = $1
      returning directory_version as version`,
    values: [orgId],
  });
  await unit.query({
    text: `select set_config('app.directory_version', $1, true)`,
    values: [String(head?.version)],
  });
}

export type CountedTable = 'role' | 'pool' | 'principal';

export async function countRows(unit: Unit, orgId: string, table: CountedTable): Promise<number> {
  const [row] = await unit.query<{ count: number }>({
    text: `select count(*) from ${table} where org_id = $1`,
    values: [orgId],
  });
  return row?.count ?? 0;
}

/** In place of those that it had; null: the broker's own again. */
export async function putWeights(
  unit: Unit,
  orgId: string,
  poolId: string,
  weights: RecallWeights | null,
): Promise<void> {
  if (weights === null) {
    await unit.query({ text: 'delete from pool_weights where org_id = $1 and pool_id = $2', values: [orgId, poolId] });
    return;
  }
  const text = `insert into pool_weights (org_id, pool_id, importance, recency, usage) values ($1, $2, $3, $4, $5)
    on conflict (org_id, pool_id) do update
      set importance = excluded.importance, recency = excluded.recency, usage = excluded.usage`;
  await unit.query({ text, values: [orgId, poolId, weights.importance, weights.recency, weights.usage] });
}

/** Null: never. What was due before is due no more. */
export async function putSchedule(unit: Unit, orgId: string, poolId: string, cron: string | null): Promise<void> {
  const text = `insert into pool_consolidation (org_id, pool_id, cron) values ($1, $2, $3)
    on conflict (org_id, pool_id) do update set cron = excluded.cron, since = clock_timestamp()`;
  await unit.query({ text, values: [orgId, poolId, cron] });
}

/** All that stands in the pool is to be read again, for some of it may have been read in a language that it had in between. */
export async function putLanguage(unit: Unit, orgId: string, poolId: string, language: Language): Promise<void> {
  const text = `insert into pool_language (org_id, pool_id, language, read_in) values ($1, $2, $3, $4)
    on conflict (org_id, pool_id) do update set language = excluded.language, read_in = ''`;
  await unit.query({ text, values: [orgId, poolId, language, DEFAULT_LANGUAGE] });
}
