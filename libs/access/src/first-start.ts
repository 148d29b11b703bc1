import { CommonplaceError, newId, notFound } from '#kernel';
import type { Database, Unit } from '#platform';
import { appendAudit } from './audit/audit.repository.js';
import { adoptKey, mintKey } from './credentials/api-key.js';
import {
  ApiKeyEntity,
  OrganizationEntity,
  PolicyEntity,
  PoolEntity,
  PrincipalEntity,
  RoleEntity,
} from './directory/directory.entity.js';
import {
  insertHead,
  revokeKeysOf,
  rolesAboveTheWalls,
  tablesWithoutWalls,
  waitForOthers,
} from './first-start.repository.js';
import { openAsSystem } from './gate/access.repository.js';
import { BUILT_IN_ROLES, defaultPolicy } from './policy/index.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

export interface FirstStart {
  orgId: string;
  /** The first admin's key, when this start made it; it cannot be shown again. */
  adminKey: string | null;
}

const ROLE_DESCRIPTIONS: Record<(typeof BUILT_IN_ROLES)[number], string> = {
  planner: 'Breaks goals into work and decides what is next.',
  coder: 'Writes the code.',
  reviewer: 'Reviews the work of others and what they propose to the shared pool.',
  tester: 'Runs the tests and reports what fails.',
  admin: 'Administers roles, pools, keys and the policy; reads memories only as the policy says.',
};

/**
 * Finds the organisation, or makes it with its roles, pools, default policy and first admin.
 * @param chosenKey the first admin's key where the operator chose one; it is used on the first start only
 */
export async function ensureOrganization(database: Database, chosenKey: string | undefined): Promise<FirstStart> {
  // openAsSystem() shows the one table in which the organisation can be found before it is known.
  return database.unit({ role: 'commonplace_system', opening: openAsSystem(NOBODY) }, async (unit) => {
    await waitForOthers(unit);
    const [organization] = await unit.entities(OrganizationEntity).find({ take: 1 });
    if (organization) return { orgId: organization.orgId, adminKey: null };
    return create(unit, chosenKey);
  });
}

/**
 * Another key for the first operator that is an admin: for whoever lost theirs and has the database.
 * @throws NOT_FOUND before the first start
 */
export async function issueOperatorKey(database: Database, revokeOthers: boolean): Promise<string> {
  return database.unit({ role: 'commonplace_system', opening: openAsSystem(NOBODY) }, async (unit) => {
    const [organization] = await unit.entities(OrganizationEntity).find({ take: 1 });
    if (!organization) throw notFound('The organisation');
    const { orgId } = organization;
    await unit.query(openAsSystem(orgId));
    const [admin] = await unit
      .entities(PrincipalEntity)
      .find({ where: { orgId, kind: 'OPERATOR', role: 'admin' }, order: { createdAt: 'ASC' }, take: 1 });
    if (!admin) throw notFound('An operator of the role admin');
    const revoked = revokeOthers ? await revokeKeysOf(unit, orgId, admin.id) : [];
    const { secret, prefix, hash } = mintKey();
    const key = { orgId, id: newId(), principalId: admin.id, prefix };
    await unit.entities(ApiKeyEntity).insert({ ...key, hash });
    const detail = { principalId: admin.id, by: 'the command line' };
    for (const keyId of revoked) await appendAudit(unit, { action: 'key.revoke', target: keyId, detail });
    await appendAudit(unit, { action: 'key.issue', target: key.id, detail: { ...detail, prefix } });
    return secret;
  });
}

async function create(unit: Unit, chosenKey: string | undefined): Promise<FirstStart> {
  const orgId = newId();
  const key = chosenKey ? adoptKey(chosenKey) : mintKey();
  const admin = { orgId, id: newId(), kind: 'OPERATOR' as const, name: 'admin', role: 'admin' };
  await unit.query(openAsSystem(orgId));
  await unit.entities(OrganizationEntity).insert({ orgId, name: 'default', feedEpoch: newId() });
  await unit
    .entities(RoleEntity)
    .insert(BUILT_IN_ROLES.map((role) => ({ orgId, key: role, description: ROLE_DESCRIPTIONS[role], builtIn: true })));
  await unit.entities(PrincipalEntity).insert(admin);
  await unit
    .entities(ApiKeyEntity)
    .insert({ orgId, id: newId(), principalId: admin.id, prefix: key.prefix, hash: key.hash });
  await unit.entities(PoolEntity).insert([
    { orgId, id: newId(), key: 'shared', kind: 'SHARED', description: 'What the whole organisation knows.' },
    ...BUILT_IN_ROLES.filter((role) => role !== 'admin').map((role) => ({
      orgId,
      id: newId(),
      key: role,
      kind: 'ROLE' as const,
      role,
      description: `What every ${role} knows.`,
    })),
  ]);
  await unit
    .entities(PolicyEntity)
    .insert({ orgId, version: 1, statements: defaultPolicy(), authorId: admin.id, comment: 'The default policy.' });
  await insertHead(unit, orgId, 1);
  await appendAudit(unit, {
    action: 'organization.create',
    target: orgId,
    detail: { policyVersion: 1, admin: admin.id },
  });
  return { orgId, adminKey: key.secret };
}

/** Row-level security is a wall only for a role that cannot step over it. @throws UNAVAILABLE, so that the start is refused. */
export async function assertWalls(database: Database): Promise<void> {
  const [roles, tables] = [await rolesAboveTheWalls(database), await tablesWithoutWalls(database)];
  const faults = [
    ...roles.map((role) => `the role ${role} could bypass row-level security`),
    ...tables.map((table) => `the table ${table} does not force row-level security`),
  ];
  if (faults.length)
    throw new CommonplaceError(
      'UNAVAILABLE',
      `The broker does not start: ${faults.join('; ')}. Run the migrations as the tables' owner, and take SUPERUSER and BYPASSRLS from these roles.`,
    );
}
