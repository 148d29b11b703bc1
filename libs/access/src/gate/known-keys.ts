import type { Unit } from '#platform';
import { RoleEntity } from '../directory/directory.entity.js';
import type { KnownKeys } from '../policy/index.js';
import { loadPools } from './access.repository.js';

/** The roles and pools that a draft may name. */
export async function knownKeys(unit: Unit, orgId: string): Promise<KnownKeys> {
  const roles = await unit.entities(RoleEntity).find({ select: { orgId: true, key: true }, where: { orgId } });
  const pools = await loadPools(unit, orgId);
  return { roles: new Set(roles.map((role) => role.key)), pools: new Set(pools.map((pool) => pool.key)) };
}
