import {
  appendAudit,
  findPrincipals,
  type AccessService,
  type AuditAction,
  type MemoryType,
  type Principal,
} from '#access';
import { badInput, CommonplaceError, isId, newId, notFound, type JsonObject } from '#kernel';
import { LIMITS, optionalText } from '#memory';
import type { Unit } from '#platform';
import type { FeedService } from '../feed.service.js';
import { Refused, type Destinations } from './destination.js';
import { mintSecret, showSecret } from './signature.js';
import {
  askAgain,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listDeadLetters,
  listWebhooks,
  pauseWebhook,
  resumeWebhook,
  setSecret,
  setUrl,
} from './webhook.repository.js';
import type { DeadLetter, Webhook } from './webhook.js';

const MAX_WEBHOOKS = 100;
const MAX_AT_ONCE = 100;
const MAX_NAMED_POOLS = 100;
const RESOLVED_WITHIN_MS = 5_000;

export interface CreateWebhookInput {
  url: string;
  principalId: string;
  pools?: string[] | null;
  types?: MemoryType[] | null;
  entityId?: string | null;
  after?: string | null;
}

/** `secret` is told once. */
export interface IssuedWebhook {
  webhook: Webhook;
  secret: string;
}

/** Webhooks as an admin keeps them; WebhookWorker serves them. */
export class WebhooksService {
  constructor(
    private readonly access: AccessService,
    private readonly feed: FeedService,
    private readonly destinations: Destinations,
  ) {}

  /** @throws FORBIDDEN, before anything else is looked at; BAD_INPUT, NOT_FOUND, CURSOR_EXPIRED, QUOTA_EXCEEDED */
  async create(caller: Principal, input: CreateWebhookInput): Promise<IssuedWebhook> {
    const { orgId } = this.access;
    const { pools = null, types = null, entityId = null, after = null } = input;
    const principal = await this.access.administer(caller, (unit) => findPrincipal(unit, orgId, input.principalId));
    optionalText(entityId, 'input.entityId', LIMITS.entityId);
    if (pools && pools.length > MAX_NAMED_POOLS) throw badInput('input.pools', `names more than ${MAX_NAMED_POOLS}`);
    const url = await this.checked(input.url);
    const cursor = await this.placeOf(principal, { pools, types, entityId, after });
    const [id, secret] = [newId(), mintSecret()];
    const named = { pools: pools && [...new Set(pools)], types: types && [...new Set(types)], entityId };
    const webhook = await this.change(caller, id, {
      work: (unit) =>
        insertWebhook(unit, orgId, { id, principalId: principal.id, url: url.href, secret, cursor, ...named }),
      audit: {
        action: 'webhook.create',
        detail: { principalId: principal.id, origin: url.origin, pools: named.pools },
      },
    });
    return { webhook, secret: showSecret(secret) };
  }

  list(caller: Principal): Promise<Webhook[]> {
    return this.access.administer(caller, (unit) => listWebhooks(unit, this.access.orgId, MAX_WEBHOOKS));
  }

  async update(
    caller: Principal,
    { id, url, paused }: { id: string; url?: string | null; paused?: boolean | null },
  ): Promise<Webhook> {
    const { orgId } = this.access;
    await this.require(caller, id, 'input.id');
    const to = url === undefined || url === null ? null : await this.checked(url);
    return this.change(caller, id, {
      work: async (unit) => {
        if (to) await setUrl(unit, orgId, id, to.href);
        if (paused === true) await pauseWebhook(unit, orgId, id, 'BY_ADMIN');
        if (paused === false) await resumeWebhook(unit, orgId, id);
      },
      audit: { action: 'webhook.update', detail: { ...(to && { origin: to.origin }), paused: paused ?? null } },
    });
  }

  async delete(caller: Principal, id: string): Promise<string> {
    const { orgId } = this.access;
    await this.require(caller, id, 'id');
    return this.access.administer(caller, async (unit) => {
      if (!(await deleteWebhook(unit, orgId, id))) throw notFound('The webhook');
      await appendAudit(unit, { action: 'webhook.delete', target: id, detail: {} });
      return id;
    });
  }

  /** For a day what is sent is signed with both. A secret that was replaced before, and still held, ends at once. */
  async rotateSecret(caller: Principal, id: string): Promise<IssuedWebhook> {
    await this.require(caller, id, 'id');
    const secret = mintSecret();
    const webhook = await this.change(caller, id, {
      work: (unit) => setSecret(unit, this.access.orgId, id, secret),
      audit: { action: 'webhook.rotate', detail: {} },
    });
    return { webhook, secret: showSecret(secret) };
  }

  /** Newest first. */
  async deadLetters(caller: Principal, id: string, first: number): Promise<DeadLetter[]> {
    await this.require(caller, id, 'id');
    checkFirst(first);
    return this.access.administer(caller, (unit) => listDeadLetters(unit, this.access.orgId, id, first));
  }

  /** Oldest first, as soon as the webhook is served. @returns how many will be sent again */
  async redeliver(caller: Principal, id: string, first: number): Promise<number> {
    const { orgId } = this.access;
    await this.require(caller, id, 'id');
    checkFirst(first);
    return this.access.administer(caller, async (unit) => {
      const letters = await askAgain(unit, orgId, id, first);
      await appendAudit(unit, { action: 'webhook.redeliver', target: id, detail: { letters } });
      return letters;
    });
  }

  private async change(
    caller: Principal,
    id: string,
    { work, audit }: { work: (unit: Unit) => Promise<void>; audit: { action: AuditAction; detail: JsonObject } },
  ): Promise<Webhook> {
    const { orgId } = this.access;
    return this.access.administer(caller, async (unit) => {
      await work(unit);
      await appendAudit(unit, { ...audit, target: id });
      // Behind the audit log's lock, which all of them take: two at once cannot both be the last.
      if (audit.action === 'webhook.create') await checkQuota(unit, orgId);
      const webhook = await findWebhook(unit, orgId, id);
      if (!webhook) throw notFound('The webhook');
      return webhook;
    });
  }

  /** First of all, so that nobody else learns anything, nor has a name resolved. */
  private async require(caller: Principal, id: string, field: string): Promise<void> {
    await this.access.administer(caller, async (unit) => {
      if (!isId(id)) throw badInput(field, 'is not an id');
      if (!(await findWebhook(unit, this.access.orgId, id))) throw notFound('The webhook');
    });
  }

  private async checked(text: string): Promise<URL> {
    const url = this.destinations.parse(text, 'input.url');
    try {
      await this.destinations.addresses(url, AbortSignal.timeout(RESOLVED_WITHIN_MS));
    } catch (error) {
      if (error instanceof Refused) throw badInput('input.url', error.message);
      throw error;
    }
    return url;
  }

  private async placeOf(principal: Principal, input: Omit<CreateWebhookInput, 'url' | 'principalId'>): Promise<string> {
    try {
      return await this.feed.place(principal, input);
    } catch (error) {
      if (error instanceof CommonplaceError && error.code === 'ACCESS_REVOKED')
        throw badInput('input.principalId', 'may read none of these pools');
      throw error;
    }
  }
}

async function findPrincipal(unit: Unit, orgId: string, id: string): Promise<Principal> {
  const [found] = isId(id) ? await findPrincipals(unit, orgId, [id]) : [];
  if (!found) throw badInput('input.principalId', 'there is no such principal');
  const { kind, name, role } = found;
  return { orgId, id, kind, name, role, keyId: null, tokenExpiresAt: null };
}

async function checkQuota(unit: Unit, orgId: string): Promise<void> {
  const all = await listWebhooks(unit, orgId, MAX_WEBHOOKS + 1);
  if (all.length > MAX_WEBHOOKS)
    throw new CommonplaceError(
      'QUOTA_EXCEEDED',
      `An organisation has at most ${MAX_WEBHOOKS} webhooks; delete one first.`,
    );
}

function checkFirst(first: number): void {
  if (!Number.isInteger(first) || first < 1 || first > MAX_AT_ONCE)
    throw badInput('first', `must be a whole number from 1 to ${MAX_AT_ONCE}`);
}
