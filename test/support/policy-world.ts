import { registerAgent, startTestApi, type TestApi, type TestClient } from './api.js';
import { memorize, STATUSES, TYPES } from './memories.js';
import { insertRun } from './consolidation-paths.js';
import { allow, editPolicy, type Statement } from './policy.js';
import type { Asker, PoolFact, Subject } from './policy-oracle.js';
import type { Vocabulary } from './random-policies.js';
import { randomNumbers } from './random-numbers.js';
import { FORGET, REVISE } from './world.js';

/** One memory as it was stored, with words and values that stand in no other. */
export interface StoredFact extends Subject {
  id: string;
  number: string;
  /** Newest first; none of what was forgotten. */
  versions: { content: string; reason: string | null }[];
  /** Of earlier versions and of forgotten content too. */
  words: string[];
  metadata: Record<string, unknown> | null;
  sources: StoredFact[];
  supersededBy: StoredFact | null;
  /** Whether a reviewer has decided on it; what they said stands in no other. */
  reviewed: boolean;
}

export interface PolicyMember extends Asker {
  name: string;
  client: TestClient;
}

export interface LoggedFact {
  kind: string;
  fact: StoredFact;
}

/** Stands in everything that is stored. */
export const COMMON = 'ledger';
const ROLES = ['planner', 'coder', 'reviewer', 'tester', 'scout'];
const PRIVATE = ['annie', 'ben'];
const ROLE_OF: Record<string, string> = {
  ...Object.fromEntries(ROLES.map((role) => [role, role])),
  annie: 'coder',
  ben: 'tester',
};
const IN_EACH_POOL = 6;
const IMPORTANCES = ['LOW', 'MEDIUM', 'HIGH'];
const TIMES = [
  '2025-03-01T08:00:00.000Z',
  '2025-03-01T08:00:00.001Z',
  '2025-06-15T00:00:00.000Z',
  '2026-01-01T12:30:00.500Z',
];
const ADMINISTERS = allow('admin', ['ADMINISTER'], ['*'], { id: 'keeps-administer' });
const EVERYTHING = ['READ', 'WRITE', 'REVISE', 'FORGET', 'REVIEW'];

/** Several roles, pools of all kinds, and memories of every type, status and attribute in each: what random policies are about. */
export class PolicyWorld {
  readonly facts: StoredFact[] = [];
  /** What the feed could tell, in the order of writing. */
  readonly log: LoggedFact[] = [];
  readonly members: PolicyMember[] = [];
  readonly pools: PoolFact[] = [];
  /** Of before the first memory, in every pool and in one that is gone. */
  beginning = '';
  private readonly random = randomNumbers(1);

  private constructor(readonly api: TestApi) {}

  static async make(env: NodeJS.ProcessEnv = {}): Promise<PolicyWorld> {
    const world = new PolicyWorld(await startTestApi(env));
    await world.gather();
    await world.activate([allow('*', EVERYTHING, ['*'])]);
    await world.begin();
    for (const pool of world.pools) for (let i = 0; i < IN_EACH_POOL - 2; i++) await world.store(pool, 'ACTIVE');
    await world.changeSome();
    await world.activate([allow('*', ['READ', 'PROPOSE', 'REVIEW', 'FORGET'], ['*'])]);
    for (const pool of world.pools) for (let i = 0; i < 2; i++) await world.store(pool, 'PROPOSED');
    for (const fact of world.facts.filter(({ status }, n) => status === 'PROPOSED' && n % 4 === 1))
      await world.forget(fact);
    await world.giveOtherStatuses();
    for (const pool of world.pools) await insertRun(world, pool);
    return world;
  }

  /** With the statement that no policy may be without. @returns all of it */
  async activate(statements: readonly Statement[]): Promise<Statement[]> {
    const all = [ADMINISTERS, ...statements];
    await editPolicy(this.api.admin, () => all);
    return all;
  }

  vocabulary(): Vocabulary {
    const ids = this.members.map(({ id }) => id);
    return {
      roles: ROLES,
      poolKeys: this.pools.map(({ key }) => key),
      values: {
        type: TYPES,
        status: STATUSES,
        entityId: ['alpha', 'beta', 'Alpha', "o'neil"],
        sessionId: ['monday', 'tuesday'],
        speaker: ['grace', 'ada'],
        authorId: [...ids, (ids[0] as string).toUpperCase()],
        authorRole: ROLES,
        importance: IMPORTANCES,
        labels: ['red', 'blue', 'a,b', '{red}'],
        createdAt: [...TIMES, '2025-06-15T02:00:00+02:00'],
        validFrom: TIMES,
      },
    };
  }

  private async gather(): Promise<void> {
    const { admin } = this.api;
    await admin.ask('mutation { createRole(input: {key: "scout"}) { key } }');
    const { viewer } = await admin.ask<{ viewer: { id: string } }>('{ viewer { id } }');
    this.members.push({ name: 'admin', id: viewer.id, role: 'admin', client: admin });
    for (const [name, role] of Object.entries(ROLE_OF)) {
      const client = await registerAgent(admin, role, { privatePool: PRIVATE.includes(name) });
      this.members.push({ name, id: client.id, role, client });
      if (PRIVATE.includes(name))
        this.pools.push({ key: `agent:${client.id}`, kind: 'AGENT', role: null, owner: client.id });
    }
    const create = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';
    for (const key of ['wiki', 'attic']) await admin.ask(create, { input: { key, kind: 'SHARED' } });
    await admin.ask(create, { input: { key: 'coder-notes', kind: 'ROLE', role: 'coder' } });
    for (const key of ['shared', 'wiki']) this.pools.push({ key, kind: 'SHARED', role: null, owner: null });
    for (const role of ROLES) this.pools.push({ key: role, kind: 'ROLE', role, owner: null });
    this.pools.push({ key: 'coder-notes', kind: 'ROLE', role: 'coder', owner: null });
  }

  /** The attic is taken away behind the cursor: so that a feed from there begins with SCOPE_CHANGED, whatever it may tell. */
  private async begin(): Promise<void> {
    this.beginning = (await this.api.admin.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
    await this.sql(`delete from pool where key = 'attic'`);
    await this.sql('update policy_head set directory_version = directory_version + 1');
  }

  private async store(pool: PoolFact, status: string): Promise<void> {
    const { random } = this;
    const number = String(this.facts.length + 100);
    const author = random.one(this.members);
    const there = this.facts.filter((fact) => fact.status !== 'FORGOTTEN');
    const sources = there.length > 5 && random.below(3) === 0 ? random.some(there, 3) : [];
    const given = {
      type: random.one(TYPES),
      entityId: random.one([null, 'alpha', 'beta', secret('entityId', number)]),
      sessionId: random.one([null, 'monday', 'tuesday', secret('sessionId', number)]),
      speaker: random.one([null, 'grace', 'ada', secret('speaker', number)]),
      labels: [
        ...random.some(['red', 'blue', 'a,b', '{red}'], 2),
        ...random.one([[], [secret('labels', number)]]),
        ...treeLabels(pool),
      ],
      importance: random.one(IMPORTANCES),
      validFrom: random.one([null, ...TIMES]),
    };
    // What is private to an agent is a file of its tree, too.
    const file = pool.kind === 'AGENT' ? { path: `/memories/${number}.txt`, kind: 'file' } : {};
    const metadata = { tag: secret('metadata', number), size: random.below(3), ...file };
    const content = sentence(number, 1);
    const input = { ...given, metadata, content, pool: pool.key, derivedFrom: sources.map((source) => source.id) };
    const fact = {
      id: await memorize(author.client, input),
      number,
      pool,
      status,
      wasHeld: false,
      expired: false,
      authorId: author.id,
      metadata,
      sources,
      supersededBy: null,
      reviewed: false,
      versions: [{ content, reason: null }],
      words: [word(number, 1)],
      attributes: { ...given, status, authorId: author.id, authorRole: author.role },
    };
    this.facts.push(fact);
    this.log.push({ kind: status === 'PROPOSED' ? 'PROPOSED' : 'MEMORIZED', fact });
  }

  private async changeSome(): Promise<void> {
    for (const fact of this.facts.filter((_, n) => n % 5 === 0)) await this.revise(fact);
    for (const fact of this.facts.filter((_, n) => n % 9 === 1)) await this.forget(fact);
  }

  private async revise(fact: StoredFact): Promise<void> {
    const content = sentence(fact.number, 2);
    const reason = secret('reason', fact.number);
    await this.authorOf(fact).ask(REVISE, { input: { id: fact.id, expectedVersion: 1, content, reason } });
    fact.versions.unshift({ content, reason });
    fact.words.unshift(word(fact.number, 2));
    this.log.push({ kind: 'REVISED', fact });
  }

  private async forget(fact: StoredFact): Promise<void> {
    await this.authorOf(fact).ask(FORGET, { id: fact.id });
    Object.assign(fact, { wasHeld: fact.status === 'PROPOSED', status: 'FORGOTTEN', versions: [], metadata: null });
    fact.attributes['status'] = 'FORGOTTEN';
    this.log.push({ kind: 'FORGOTTEN', fact });
  }

  /** As what is not there yet would leave them; and times that conditions can tell apart. */
  private async giveOtherStatuses(): Promise<void> {
    const others = ['REJECTED', 'QUARANTINED', 'SUPERSEDED', 'ARCHIVED'];
    for (const [n, fact] of this.facts.entries()) {
      const isHeld = fact.status === 'PROPOSED';
      const isOther = fact.status !== 'FORGOTTEN' && (isHeld ? n % 3 === 0 : n % 4 === 2);
      if (isOther) fact.status = others[isHeld ? n % 2 : this.random.below(4)] as string;
      fact.expired = n % 23 === 7;
      Object.assign(fact.attributes, { status: fact.status, createdAt: this.random.one(TIMES) });
      if (fact.status === 'SUPERSEDED') fact.supersededBy = this.random.one(this.facts);
      fact.reviewed = fact.status !== 'FORGOTTEN' && n % 3 === 1;
      const values = [fact.id, fact.status, fact.attributes['createdAt'], fact.expired ? TIMES[0] : null];
      await this.sql('update memory set status = $2, created_at = $3, expires_at = $4 where memory_id = $1', values);
      await this.sql('update memory set superseded_by = $2 where memory_id = $1', [
        fact.id,
        fact.supersededBy?.id ?? null,
      ]);
      if (fact.reviewed)
        await this.sql(
          'update memory set reviewed_by = author_id, reviewed_at = now(), review_comment = $2 where memory_id = $1',
          [fact.id, secret('review', fact.number)],
        );
    }
  }

  private authorOf({ authorId }: StoredFact): TestClient {
    return (this.members.find(({ id }) => id === authorId) as PolicyMember).client;
  }

  private async sql(text: string, values: unknown[] = []): Promise<void> {
    await this.api.broker.database.maintenance(text, values);
  }
}

const treeLabels = ({ kind }: PoolFact) => (kind === 'AGENT' ? ['memory-file'] : []);
const word = (number: string, version: number) => `zq${number}v${version}`;
const sentence = (number: string, version: number) => `The ${COMMON} says ${word(number, version)}`;

const SECRETS: Record<string, string> = {
  reason: 'why',
  entityId: 'entity',
  sessionId: 'session',
  speaker: 'speaker',
  labels: 'label',
  metadata: 'meta',
  review: 'review',
};

/** What a reviewer decided; what they said may quote the content. */
export function reviewOf({ reviewed, status, number }: StoredFact, showsContent: boolean) {
  if (!reviewed) return null;
  return { approved: status !== 'REJECTED', comment: showsContent ? secret('review', number) : null };
}

/** What stands in this field of one memory alone. */
export const secrets = ({ number }: StoredFact, field: string): string[] =>
  SECRETS[field] ? [secret(field, number)] : [];

const secret = (field: string, number: string) => `${SECRETS[field]}${number}x`;
