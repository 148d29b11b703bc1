import { setTimeout as pause } from 'node:timers/promises';
import type { DirectoryPool, Principal } from '#access';
import { readConfig, type Database } from '#platform';
import { openBroker, type Broker } from '../../apps/api/src/broker.js';
import { openTestDatabase } from '../support/database.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { mirrorInto } from './mirror.js';
import { makeTwin } from './twin.js';
import { insertRun } from './consolidation-paths.js';
import { insertWebhook } from './webhook-paths.js';

export type Name = 'admin' | 'planner' | 'coder' | 'reviewer' | 'tester' | 'annie';

/** Stands in everything that is stored. */
export const COMMON = 'ledger';
/** Stands in every pool, word by word. */
export const SAME = `The ${COMMON} says the same in every pool`;
export const ABOUT = { entityId: 'entity', sessionId: 'session', labels: ['label'] };

/** Memories that a path or the twin asks for by name. */
export type Known = 'revised' | 'derived' | 'forgotten' | 'expiring' | 'unindexed' | 'planners' | 'coders';

/**
 * An organisation with a team under the default policy, and its twin in the same database: another organisation with the
 * same ids, keys, contents and numbers in every table, so that a statement which forgets to name the organisation meets
 * both.
 */
export class Twins {
  readonly ids: Record<Known, string> = {} as Record<Known, string>;
  readonly callers: Record<Name, Principal> = {} as Record<Name, Principal>;
  readonly secrets: Record<Name, string> = {} as Record<Name, string>;
  /** From before everything that was stored. */
  cursor = '';
  /** When nothing was revised yet. */
  before = new Date();
  /** Of the coder's, about the entity talk. */
  extraction = '';
  twin = '';

  private constructor(
    readonly database: Database,
    readonly broker: Broker,
    private readonly embedder: EmbeddingServer,
  ) {}

  static async make(): Promise<Twins> {
    const [database, embedder] = [await openTestDatabase(), await EmbeddingServer.start()];
    const config = readConfig({ ...embedder.env, LOG_LEVEL: 'silent', WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' });
    const twins = new Twins(database, await openBroker({ config, database, onError: () => undefined }), embedder);
    // Paths serve webhooks themselves: two at once would pass each other's rows by.
    await twins.broker.webhookWorker.stop();
    await twins.broker.filler?.stop();
    // What it counts behind a recall came between the two looks at a statement.
    await twins.broker.usage.stop();
    await twins.gather();
    await twins.fill();
    await insertWebhook(twins);
    await insertRun(twins);
    twins.twin = await makeTwin(twins);
    await mirrorInto(twins.twin, twins);
    return twins;
  }

  get org(): string {
    return this.broker.access.orgId;
  }

  get allIds(): Promise<string[]> {
    const text = 'select distinct memory_id as id from memory';
    return this.database.maintenance<{ id: string }>(text).then(({ rows }) => rows.map((row) => row.id));
  }

  /** What waits in the shared pool, oldest first. */
  async proposals(): Promise<string[]> {
    const text = `select memory_id as id from memory where org_id = $1 and status = 'PROPOSED' order by memory_id`;
    return (await this.database.maintenance<{ id: string }>(text, [this.org])).rows.map(({ id }) => id);
  }

  /** Throws unless it holds for the pool and for no other, as the broker reads the pools from now on. */
  async onlyPool(key: string, has: (pool: DirectoryPool) => boolean): Promise<void> {
    const { pools } = await this.broker.access.grants(this.callers.admin);
    const found = pools.filter(has).map((pool) => pool.key);
    if (found.length !== 1 || found[0] !== key)
      throw new Error(`it holds for ${found.join(', ')}, and not for ${key} alone`);
  }

  async close(): Promise<void> {
    await this.broker.close();
    await this.embedder.close();
  }

  private async gather(): Promise<void> {
    const { credentials, directory, feed, adminKey } = this.broker;
    this.secrets.admin = adminKey as string;
    this.callers.admin = await credentials.authenticate(this.secrets.admin);
    for (const name of ['planner', 'coder', 'reviewer', 'tester', 'annie'] as const) {
      const privatePool = name === 'annie';
      const role = privatePool ? 'coder' : name;
      const { issuedKey } = await directory.registerAgent(this.callers.admin, { name, role, privatePool });
      this.secrets[name] = issuedKey.secret;
      this.callers[name] = await credentials.authenticate(issuedKey.secret);
    }
    this.cursor = await feed.cursor(this.callers.reviewer);
  }

  private async fill(): Promise<void> {
    const { revise, forget } = this.broker;
    const pools = { planner: 'planner', coder: 'coder', reviewer: 'reviewer', tester: 'tester' } as const;
    for (const [name, pool] of Object.entries(pools)) await this.store(name as Name, pool, SAME);
    await this.store('planner', 'shared', SAME);
    await this.store('annie', `agent:${this.callers.annie.id}`, SAME);
    for (const name of ['coder', 'tester'] as const) await this.store(name, 'shared', `A proposal for the ${COMMON}`);
    const stored = async (name: Name, known: Known, input: object = {}) =>
      (this.ids[known] = await this.store(name, name, `The ${COMMON} of what is ${known}`, input));
    await stored('planner', 'planners');
    await stored('coder', 'coders');
    await stored('coder', 'revised');
    await stored('coder', 'derived', { derivedFrom: [this.ids.planners, this.ids.coders] });
    await stored('coder', 'forgotten', { derivedFrom: [this.ids.coders] });
    await stored('coder', 'expiring', { expiresAt: new Date(Date.now() + 3_600_000) });
    await stored('coder', 'unindexed');
    await pause(5);
    this.before = new Date();
    await pause(5);
    for (const expectedVersion of [1, 2]) {
      const content = `The ${COMMON} was revised ${expectedVersion}`;
      await revise.revise(this.callers.coder, { id: this.ids.revised, expectedVersion, content });
    }
    await forget.forget(this.callers.coder, this.ids.forgotten);
    await this.talk();
  }

  private async talk(): Promise<void> {
    const about = { pool: 'coder', entityId: 'talk' };
    const known = { ...about, content: `The ${COMMON} is green`, type: 'DECLARATIVE' as const };
    await this.broker.memorize.memorize(this.callers.coder, known);
    const messages = [{ role: 'USER' as const, content: `The ${COMMON} is blue by now` }];
    const input = { ...about, messages, idempotencyKey: 'talk' };
    this.extraction = (await this.broker.conversations.memorizeConversation(this.callers.coder, input)).extraction.id;
  }

  private async store(name: Name, pool: string, content: string, input: object = {}): Promise<string> {
    const wanted = {
      ...ABOUT,
      ...input,
      pool,
      content,
      type: 'EPISODIC' as const,
      idempotencyKey: `${pool} ${content}`,
    };
    return (await this.broker.memorize.memorize(this.callers[name], wanted)).memory.id;
  }
}
