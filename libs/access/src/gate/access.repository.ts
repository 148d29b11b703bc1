import type { Statement, Unit } from '#platform';
import { NIGHTLY } from '../directory/consolidation-schedule.js';
import { DEFAULT_LANGUAGE, type Language } from '../directory/language.js';
import type { RecallWeights } from '../directory/recall-weights.js';
import type { PoolRef } from '../policy/index.js';

export interface DirectoryPool extends PoolRef {
  description: string | null;
  createdAt: Date;
  /** Null: the broker's own. */
  recallWeights: RecallWeights | null;
  language: Language;
  /** When it is consolidated by itself, as cron text in UTC; null: never. */
  consolidationCron: string | null;
}

export interface Head {
  policyVersion: number;
  directoryVersion: number;
  /** The database's clock: the only one that the expiry of statements is read on. */
  now: Date;
}

const HEAD = `select version as "policyVersion", directory_version as "directoryVersion", clock_timestamp() as now
  from policy_head where org_id = $1`;

const POOLS = `select p.pool_id as id, p.key, p.kind, p.role_key as role, p.owner_id as "ownerId", p.description,
    p.created_at as "createdAt",
    case when w.pool_id is not null then jsonb_build_object('importance', w.importance, 'recency', w.recency, 'usage', w.usage) end
      as "recallWeights", coalesce(l.language, '${DEFAULT_LANGUAGE}') as language,
    case when c.pool_id is not null then c.cron when p.kind <> 'AGENT' then '${NIGHTLY}' end as "consolidationCron"
  from pool p left join pool_weights w on w.org_id = p.org_id and w.pool_id = p.pool_id
    left join pool_language l on l.org_id = p.org_id and l.pool_id = p.pool_id
    left join pool_consolidation c on c.org_id = p.org_id and c.pool_id = p.pool_id where p.org_id = $1 order by p.key`;

export async function loadHead(unit: Unit, orgId: string): Promise<Head | undefined> {
  return (await unit.query<Head>({ text: HEAD, values: [orgId] }))[0];
}

export function loadPools(unit: Unit, orgId: string): Promise<DirectoryPool[]> {
  return unit.query<DirectoryPool>({ text: POOLS, values: [orgId] });
}

export async function loadRoles(unit: Unit, orgId: string): Promise<string[]> {
  const text = 'select key from role where org_id = $1 order by created_at, key';
  return (await unit.query<{ key: string }>({ text, values: [orgId] })).map(({ key }) => key);
}

export async function loadStatements(unit: Unit, orgId: string, version: number): Promise<unknown[] | undefined> {
  const rows = await unit.query<{ statements: unknown[] }>({
    text: 'select statements from policy where org_id = $1 and version = $2',
    values: [orgId, version],
  });
  return rows[0]?.statements;
}

export interface KeyState {
  id: string;
  revoked: boolean;
  expiresAt: Date | null;
}

export function loadKeyStates(unit: Unit, orgId: string, keyIds: readonly string[]): Promise<KeyState[]> {
  const text = `select key_id as id, revoked_at is not null as revoked, expires_at as "expiresAt" from api_key
    where org_id = $1 and key_id = any($2::uuid[])`;
  return unit.query<KeyState>({ name: 'key_states', text, values: [orgId, keyIds] });
}

export interface Opening {
  orgId: string;
  /** Null for what is read for many at once. */
  principalId: string | null;
  keyId: string | null;
  policyVersion: number;
  directoryVersion: number;
  validUntil: Date | null;
  pools: readonly string[];
  administer: boolean;
}

/** Sets what row-level security reads, and asks the fence: refused with AB001 or AB002 where it no longer holds. */
export function openAs(opening: Opening): Statement {
  const { orgId, principalId, keyId, policyVersion, directoryVersion, validUntil, pools, administer } = opening;
  return {
    name: 'sec_open',
    text: 'select sec.open($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::integer, $6::timestamptz, $7::uuid[], $8::boolean)',
    values: [orgId, principalId, keyId, policyVersion, directoryVersion, validUntil, pools, administer],
  };
}

export function openAsSystem(orgId: string): Statement {
  return { name: 'sec_open_system', text: 'select sec.open_system($1::uuid)', values: [orgId] };
}
