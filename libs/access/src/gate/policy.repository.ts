import type { Unit } from '#platform';
import type { PolicyStatement } from '../policy/index.js';

export interface StoredPolicy {
  version: number;
  active: boolean;
  statements: unknown[];
  authorId: string | null;
  comment: string | null;
  createdAt: Date;
}

const COLUMNS = `p.version, p.version = h.version as active, p.statements, p.author_id as "authorId", p.comment, p.created_at as "createdAt"`;
const FROM = `from policy p join policy_head h on h.org_id = p.org_id where p.org_id = $1`;

export async function findPolicy(unit: Unit, orgId: string, version: number | null): Promise<StoredPolicy | undefined> {
  const text = `select ${COLUMNS} ${FROM} and p.version = coalesce($2::integer, h.version)`;
  return (await unit.query<StoredPolicy>({ text, values: [orgId, version] }))[0];
}

export function listPolicies(unit: Unit, orgId: string, atMost: number): Promise<StoredPolicy[]> {
  return unit.query<StoredPolicy>({
    text: `select ${COLUMNS} ${FROM} order by p.version desc limit $2`,
    values: [orgId, atMost],
  });
}

/** Takes the head's row, so that of parallel edits one goes on and the others see its version. */
export async function lockHead(unit: Unit, orgId: string): Promise<number> {
  const rows = await unit.query<{ version: number }>({
    text: 'select version from policy_head where org_id = $1 for update',
    values: [orgId],
  });
  return rows[0]?.version ?? 0;
}

/** The next version, and the head on it; this unit goes on under the version that it makes. @returns when, on the database's clock. */
export async function insertPolicy(
  unit: Unit,
  policy: { orgId: string; version: number; statements: PolicyStatement[]; authorId: string; comment: string | null },
): Promise<Date> {
  const { orgId, version, statements, authorId, comment } = policy;
  const [inserted] = await unit.query<{ createdAt: Date }>({
    text: `insert into policy (org_id, version, statements, author_id, comment) values ($1, $2, $3::jsonb, $4, $5)
      returning created_at as "createdAt"`,
    values: [orgId, version, JSON.stringify(statements), authorId, comment],
  });
  await unit.query({ text: 'update policy_head set version = $2 where org_id = $1', values: [orgId, version] });
  await unit.query({ text: `select set_config('app.policy_version', $1, true)`, values: [String(version)] });
  return (inserted as { createdAt: Date }).createdAt;
}

/** The roles that somebody with a live key, or a principal of the identity provider, holds. */
export async function heldRoles(unit: Unit, orgId: string): Promise<Set<string>> {
  const text = `select distinct p.role_key as role from principal p
    where p.org_id = $1 and (
      not exists (select from api_key k where k.org_id = p.org_id and k.principal_id = p.principal_id)
      or exists (select from api_key k where k.org_id = p.org_id and k.principal_id = p.principal_id
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))`;
  return new Set((await unit.query<{ role: string }>({ text, values: [orgId] })).map((row) => row.role));
}
