import type { Unit } from '#platform';
import type { PrincipalKind } from '../principal.js';

export interface StoredKey {
  keyId: string;
  hash: Buffer;
  principalId: string;
  kind: PrincipalKind;
  name: string;
  role: string;
  /** Not revoked, and not expired on the database's clock. */
  live: boolean;
}

const FIND = `select k.key_id as "keyId", k.hash, k.principal_id as "principalId", p.kind, p.name, p.role_key as role,
    k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp()) as live
  from api_key k join principal p on p.org_id = k.org_id and p.principal_id = k.principal_id
  where k.org_id = $1 and k.prefix = $2`;

export async function findKey(unit: Unit, orgId: string, prefix: string): Promise<StoredKey | undefined> {
  return (await unit.query<StoredKey>({ name: 'find_key', text: FIND, values: [orgId, prefix] }))[0];
}

export async function noteUse(unit: Unit, orgId: string, keyIds: string[]): Promise<void> {
  await unit.query({
    text: 'update api_key set last_used_at = now() where org_id = $1 and key_id = any($2::uuid[])',
    values: [orgId, keyIds],
  });
}

const UPSERT_PRINCIPAL = `insert into principal (org_id, principal_id, kind, name, role_key)
  select $1, $2, $3, $4, r.key from role r where r.org_id = $1 and r.key = $5
  on conflict (org_id, principal_id) do update set name = excluded.name, role_key = excluded.role_key, kind = excluded.kind
  returning principal_id`;

/** Answers false where the role does not exist. */
export async function upsertPrincipal(
  unit: Unit,
  principal: { orgId: string; id: string; kind: PrincipalKind; name: string; role: string },
): Promise<boolean> {
  const { orgId, id, kind, name, role } = principal;
  return (await unit.query({ text: UPSERT_PRINCIPAL, values: [orgId, id, kind, name, role] })).length > 0;
}
