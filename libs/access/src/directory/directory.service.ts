import { badInput, CommonplaceError, newId, notFound, wellFormed } from '#kernel';
import { sqlState, UNIQUE_VIOLATION, type Unit } from '#platform';
import { appendAudit } from '../audit/audit.repository.js';
import { mintKey } from '../credentials/api-key.js';
import type { AccessService } from '../gate/access.service.js';
import { checkKey, KEY_FORMAT, type PoolKind } from '../policy/index.js';
import type { Principal, PrincipalKind } from '../principal.js';
import { ApiKeyEntity, PoolEntity, PrincipalEntity, RoleEntity } from './directory.entity.js';
import {
  countLiveKeys,
  countRows,
  endKey,
  findKeysOf,
  findPrincipals,
  putLanguage,
  putSchedule,
  putWeights,
  raiseDirectoryVersion,
  type CountedTable,
} from './directory.repository.js';
import { checkCron } from './consolidation-schedule.js';
import { checkLanguage, DEFAULT_LANGUAGE, type Language } from './language.js';
import { checkWeights, type RecallWeights } from './recall-weights.js';

const MAX_ROLES = 1_000;
const MAX_POOLS = 20_000;
const MAX_AGENTS = 10_000;
const MAX_LIVE_KEYS = 20;

export interface Agent {
  id: string;
  name: string;
  role: string;
  createdAt: Date;
}

export interface PrincipalInfo {
  id: string;
  kind: PrincipalKind;
  name: string;
  role: string;
}

/** `secret` is told once; only its hash is stored. */
export interface IssuedKey {
  key: ApiKeyEntity;
  secret: string;
}

/** Roles, pools, agents and their keys: what an admin keeps. */
export class DirectoryService {
  constructor(private readonly access: AccessService) {}

  roles(caller: Principal): Promise<RoleEntity[]> {
    return this.access.read(caller, (unit) =>
      unit
        .entities(RoleEntity)
        .find({ where: { orgId: this.access.orgId }, order: { createdAt: 'ASC', key: 'ASC' }, take: MAX_ROLES }),
    );
  }

  agents(caller: Principal): Promise<Agent[]> {
    return this.access.administer(caller, (unit) =>
      unit.entities(PrincipalEntity).find({
        where: { orgId: this.access.orgId, kind: 'AGENT' },
        order: { createdAt: 'ASC' },
        take: MAX_AGENTS,
      }),
    );
  }

  /** Keys by agent, for all asked agents at once. */
  async keysOf(caller: Principal, agentIds: readonly string[]): Promise<Map<string, ApiKeyEntity[]>> {
    const keys = await this.access.administer(caller, (unit) => findKeysOf(unit, this.access.orgId, agentIds));
    const byAgent = new Map<string, ApiKeyEntity[]>(agentIds.map((id) => [id, []]));
    for (const key of keys) byAgent.get(key.principalId)?.push(key);
    return byAgent;
  }

  /** Names and roles by id: shown as authors. Unknown ids are left out. */
  async principals(caller: Principal, ids: readonly string[]): Promise<Map<string, PrincipalInfo>> {
    const found = await this.access.read(caller, (unit) => findPrincipals(unit, this.access.orgId, ids));
    return new Map(found.map((principal) => [principal.id, principal]));
  }

  /** Makes the role and its ROLE pool, and no statement: nothing is allowed until a policy says so. */
  async createRole(caller: Principal, input: { key: string; description?: string | null }): Promise<RoleEntity> {
    const { key, description = null } = input;
    checkKey(key, 'input.key');
    if (key.length > 32) throw badInput('input.key', 'has more than 32 characters');
    checkDescription(description);
    return this.change(caller, `a role or pool ${key}`, async (unit) => {
      await boundTable(unit, this.access.orgId, 'role', MAX_ROLES);
      const role = { orgId: this.access.orgId, key, description, builtIn: false };
      await unit.entities(RoleEntity).insert(role);
      const pool = await this.insertPool(unit, { key, kind: 'ROLE', role: key, description });
      await appendAudit(unit, { action: 'role.create', target: key, detail: { poolId: pool.id } });
      return unit.entities(RoleEntity).findOneByOrFail({ orgId: this.access.orgId, key });
    });
  }

  async createPool(
    caller: Principal,
    input: { key: string; kind: PoolKind; role?: string | null; description?: string | null; language?: string | null },
  ): Promise<PoolEntity & { language: Language }> {
    const { key, kind, role = null, description = null } = input;
    checkKey(key, 'input.key');
    checkDescription(description);
    const language = checkLanguage(input.language ?? DEFAULT_LANGUAGE, 'input.language');
    if (kind === 'AGENT') throw badInput('input.kind', 'AGENT pools are made by registerAgent with privatePool');
    if ((kind === 'ROLE') !== (role !== null))
      throw badInput('input.role', 'names the role that owns a ROLE pool, and is left out for a SHARED one');
    return this.change(caller, `a pool ${key}`, async (unit) => {
      if (role !== null) await requireRole(unit, this.access.orgId, role);
      const pool = await this.insertPool(unit, { key, kind, role, description });
      if (language !== DEFAULT_LANGUAGE) await putLanguage(unit, this.access.orgId, pool.id, language);
      await appendAudit(unit, {
        action: 'pool.create',
        target: key,
        detail: { poolId: pool.id, kind, role, language },
      });
      return Object.assign(pool, { language });
    });
  }

  /** What is written from then on is read in it, and what stands there is read again in the background. @throws BAD_INPUT, NOT_FOUND */
  async setLanguage(caller: Principal, key: string, given: string): Promise<PoolEntity & { language: Language }> {
    const language = checkLanguage(given, 'language');
    checkKey(key, 'key');
    return this.change(caller, `a pool ${key}`, async (unit) => {
      const { orgId } = this.access;
      const pool = await unit.entities(PoolEntity).findOneBy({ orgId, key });
      if (!pool) throw notFound('The pool');
      await putLanguage(unit, orgId, pool.id, language);
      await appendAudit(unit, { action: 'pool.language', target: key, detail: { poolId: pool.id, language } });
      return Object.assign(pool, { language });
    });
  }

  /** When the pool is consolidated by itself, as cron text in UTC; null: never. @throws BAD_INPUT, NOT_FOUND */
  async scheduleConsolidation(
    caller: Principal,
    key: string,
    given: string | null,
  ): Promise<PoolEntity & { consolidationCron: string | null }> {
    const cron = given === null ? null : checkCron(given, 'cron');
    checkKey(key, 'key');
    return this.change(caller, `a pool ${key}`, async (unit) => {
      const { orgId } = this.access;
      const pool = await unit.entities(PoolEntity).findOneBy({ orgId, key });
      if (!pool) throw notFound('The pool');
      await putSchedule(unit, orgId, pool.id, cron);
      await appendAudit(unit, { action: 'pool.consolidation', target: key, detail: { poolId: pool.id, cron } });
      return Object.assign(pool, { consolidationCron: cron });
    });
  }

  /** Of every recall from then on, by whoever recalls: null puts the broker's own back. @throws BAD_INPUT, NOT_FOUND */
  async weighPool(caller: Principal, key: string, given: RecallWeights | null): Promise<PoolEntity> {
    const weights = given && checkWeights(given, 'weights');
    checkKey(key, 'key');
    return this.change(caller, `a pool ${key}`, async (unit) => {
      const { orgId } = this.access;
      const pool = await unit.entities(PoolEntity).findOneBy({ orgId, key });
      if (!pool) throw notFound('The pool');
      await putWeights(unit, orgId, pool.id, weights);
      await appendAudit(unit, {
        action: 'pool.weigh',
        target: key,
        detail: { poolId: pool.id, weights: weights && { ...weights } },
      });
      return Object.assign(pool, { recallWeights: weights });
    });
  }

  async registerAgent(
    caller: Principal,
    input: { name: string; role: string; privatePool?: boolean },
  ): Promise<{ agent: Agent; issuedKey: IssuedKey }> {
    const { name, role, privatePool = false } = input;
    if (!wellFormed(name, 'input.name').trim() || name.length > 200)
      throw badInput('input.name', 'must have 1 to 200 characters');
    return this.change(caller, 'an agent', async (unit) => {
      const { orgId } = this.access;
      await requireRole(unit, orgId, role);
      await boundTable(unit, orgId, 'principal', MAX_AGENTS);
      const id = newId();
      await unit.entities(PrincipalEntity).insert({ orgId, id, kind: 'AGENT', name, role });
      if (privatePool)
        await this.insertPool(unit, {
          key: `agent:${id}`,
          kind: 'AGENT',
          ownerId: id,
          description: `Private to ${name}.`,
        });
      const agent = await unit.entities(PrincipalEntity).findOneByOrFail({ orgId, id });
      const issuedKey = await this.insertKey(unit, id, null);
      const { id: keyId, prefix } = issuedKey.key;
      await appendAudit(unit, {
        action: 'agent.register',
        target: id,
        detail: { name, role, privatePool, keyId, prefix },
      });
      return { agent, issuedKey };
    });
  }

  async issueKey(caller: Principal, agentId: string, expiresAt: Date | null): Promise<IssuedKey> {
    if (expiresAt && expiresAt.getTime() <= Date.now()) throw badInput('expiresAt', 'must lie in the future');
    return this.access.administer(caller, async (unit) => {
      const { orgId } = this.access;
      const agent = await unit.entities(PrincipalEntity).findOneBy({ orgId, id: agentId });
      if (!agent) throw notFound('The agent');
      const live = await countLiveKeys(unit, orgId, agentId);
      if (live >= MAX_LIVE_KEYS)
        throw new CommonplaceError('QUOTA_EXCEEDED', `The agent has ${live} live keys; revoke one first.`);
      const issued = await this.insertKey(unit, agentId, expiresAt);
      await appendAudit(unit, { action: 'key.issue', target: issued.key.id, detail: keyDetail(issued.key) });
      return issued;
    });
  }

  /** From its commit on no statement of the key's holder is answered. Revoking again changes nothing. */
  async revokeKey(caller: Principal, keyId: string): Promise<ApiKeyEntity> {
    const revoked = await this.access.administer(caller, async (unit) => {
      const ended = await endKey(unit, this.access.orgId, keyId);
      const key = await unit.entities(ApiKeyEntity).findOneBy({ orgId: this.access.orgId, id: keyId });
      if (!key) throw notFound('The key');
      if (ended) await appendAudit(unit, { action: 'key.revoke', target: keyId, detail: keyDetail(key) });
      return key;
    });
    this.access.invalidate();
    return revoked;
  }

  /** Every change to roles and pools raises the directory's version, and with it the fence. */
  private async change<Result>(
    caller: Principal,
    what: string,
    work: (unit: Unit) => Promise<Result>,
  ): Promise<Result> {
    try {
      const result = await this.access.administer(caller, async (unit) => {
        await raiseDirectoryVersion(unit, this.access.orgId);
        return work(unit);
      });
      this.access.invalidate();
      return result;
    } catch (error) {
      if (sqlState(error) === UNIQUE_VIOLATION)
        throw new CommonplaceError('CONFLICT', `There is ${what} already.`, {}, { cause: error });
      throw error;
    }
  }

  private async insertPool(unit: Unit, pool: Partial<PoolEntity> & { key: string }): Promise<PoolEntity> {
    const { orgId } = this.access;
    await boundTable(unit, orgId, 'pool', MAX_POOLS);
    const id = newId();
    await unit.entities(PoolEntity).insert({ orgId, id, ...pool });
    return unit.entities(PoolEntity).findOneByOrFail({ orgId, id });
  }

  private async insertKey(unit: Unit, principalId: string, expiresAt: Date | null): Promise<IssuedKey> {
    const { orgId } = this.access;
    const { secret, prefix, hash } = mintKey();
    const id = newId();
    await unit.entities(ApiKeyEntity).insert({ orgId, id, principalId, prefix, hash, expiresAt });
    return { key: await unit.entities(ApiKeyEntity).findOneByOrFail({ orgId, id }), secret };
  }
}

const keyDetail = ({ principalId, prefix, expiresAt }: ApiKeyEntity) => ({
  principalId,
  prefix,
  expiresAt: expiresAt?.toISOString() ?? null,
});

function checkDescription(description: string | null): void {
  if (description === null) return;
  if (wellFormed(description, 'input.description').length > 1_000)
    throw badInput('input.description', 'has more than 1,000 characters');
}

async function requireRole(unit: Unit, orgId: string, role: string): Promise<void> {
  if (!KEY_FORMAT.test(role) || !(await unit.entities(RoleEntity).findOneBy({ orgId, key: role })))
    throw badInput('input.role', `there is no role ${JSON.stringify(role.slice(0, 64))}`);
}

async function boundTable(unit: Unit, orgId: string, table: CountedTable, most: number): Promise<void> {
  if ((await countRows(unit, orgId, table)) >= most)
    throw new CommonplaceError('QUOTA_EXCEEDED', `An organisation has at most ${most} of table ${table}.`);
}
