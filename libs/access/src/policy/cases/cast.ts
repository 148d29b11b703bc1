import { badInput, derivedId, isId } from '#kernel';
import { checkedObject, listOf, oneOf, short, some, textOf } from '../checked.js';
import { BUILT_IN_ROLES } from '../default-policy.js';
import { checkKey } from '../keys.js';
import { type PoolKind, type PoolRef, type PrincipalRef } from '../vocabulary.js';
import { namedEntries } from './named-entries.js';

/** Who plays in the cases, and where: an organisation without a database. */
export interface Cast {
  readonly roles: ReadonlySet<string>;
  readonly pools: readonly PoolRef[];
  readonly principals: ReadonlyMap<string, PrincipalRef>;
}

const LIMITS = { roles: 1_000, pools: 1_000, principals: 1_000 } as const;
/** A private pool comes with its agent. */
const ADDED_KINDS = ['SHARED', 'ROLE'] as const satisfies readonly PoolKind[];
const NAMESPACE = '6f1a3a52-3b0c-4c58-9d0b-0b6b6c3f7d11';

/** The same name gets the same id in every run. */
export const idOf = (kind: 'pool' | 'principal' | 'memory', name: string): string =>
  derivedId(`${kind}:${name}`, NAMESPACE);

/** The built-in roles and pools, and what a document adds to them. @throws BAD_INPUT naming the place */
export function parseCast(document: { roles?: unknown; pools?: unknown; principals?: unknown }): Cast {
  const roles = parseRoles(document.roles ?? []);
  const pools = new Map([sharedPool(), ...rolePools(roles)].map((pool) => [pool.key, pool]));
  addPools(pools, document.pools ?? [], roles);
  const principals = parsePrincipals(document.principals, roles, pools);
  return { roles, pools: [...pools.values()], principals };
}

function parseRoles(raw: unknown): Set<string> {
  const roles = new Set<string>(BUILT_IN_ROLES);
  for (const [index, item] of listOf(raw, 'roles', LIMITS.roles).entries()) {
    const path = `roles.${index}`;
    const role = newKey(item, path);
    if (roles.has(role)) throw badInput(path, `there is a role ${role} already`);
    roles.add(role);
  }
  return roles;
}

const poolOf = (key: string, rest: Omit<PoolRef, 'id' | 'key'>): PoolRef => ({ id: idOf('pool', key), key, ...rest });
const sharedPool = (): PoolRef => poolOf('shared', { kind: 'SHARED', role: null, ownerId: null });

/** As in an organisation: each role but admin comes with a pool of its key. */
const rolePools = (roles: ReadonlySet<string>): PoolRef[] =>
  [...roles].filter((role) => role !== 'admin').map((role) => poolOf(role, { kind: 'ROLE', role, ownerId: null }));

function addPools(pools: Map<string, PoolRef>, raw: unknown, roles: ReadonlySet<string>): void {
  for (const [index, item] of listOf(raw, 'pools', LIMITS.pools).entries()) {
    const path = `pools.${index}`;
    const given = checkedObject(item, path, { keys: ['key', 'kind', 'role'], what: 'a pool' });
    const key = newKey(given.key, `${path}.key`);
    if (pools.has(key)) throw badInput(`${path}.key`, `there is a pool ${key} already`);
    const kind = oneOf(ADDED_KINDS, given.kind, `${path}.kind`);
    if (kind === 'SHARED' && given.role != null) throw badInput(`${path}.role`, 'is only for a pool of kind ROLE');
    const role = kind === 'ROLE' ? known(roles, given.role, `${path}.role`) : null;
    pools.set(key, poolOf(key, { kind, role, ownerId: null }));
  }
}

function newKey(value: unknown, path: string): string {
  const key = textOf(value, path, 64);
  checkKey(key, path);
  return key;
}

function parsePrincipals(
  raw: unknown,
  roles: ReadonlySet<string>,
  pools: Map<string, PoolRef>,
): Map<string, PrincipalRef> {
  const principals = new Map<string, PrincipalRef>();
  const nameById = new Map<string, string>();
  for (const [name, item] of namedEntries(raw, 'principals', LIMITS.principals)) {
    const path = `principals.${name}`;
    const given = checkedObject(item, path, { keys: ['role', 'privatePool', 'id'], what: 'a principal' });
    const role = known(roles, given.role, `${path}.role`);
    const id = given.id == null ? idOf('principal', name) : givenId(given.id, `${path}.id`);
    const other = nameById.get(id);
    if (other !== undefined) throw badInput(`${path}.id`, `is the id of ${other} too`);
    nameById.set(id, name);
    principals.set(name, { id, role });
    if (flag(given.privatePool, `${path}.privatePool`)) {
      // As in an organisation, where a policy names it by its agent's id; a name stands for an id that does not matter.
      const key = `agent:${given.id == null ? name : id}`;
      pools.set(key, poolOf(key, { kind: 'AGENT', role: null, ownerId: id }));
    }
  }
  return principals;
}

function givenId(value: unknown, path: string): string {
  if (typeof value !== 'string' || !isId(value)) throw badInput(path, 'must be the id of a principal');
  return value.toLowerCase();
}

function flag(value: unknown, path: string): boolean {
  if (value == null) return false;
  if (typeof value !== 'boolean') throw badInput(path, 'must be true or false');
  return value;
}

/** @throws BAD_INPUT for a name that is not among the names */
export function known(names: ReadonlySet<string> | ReadonlyMap<string, unknown>, value: unknown, path: string): string {
  if (typeof value !== 'string') throw badInput(path, `must be one of ${some([...names.keys()])}`);
  if (!names.has(value))
    throw badInput(path, `"${short(value)}" is not known here; there are ${some([...names.keys()])}`);
  return value;
}
