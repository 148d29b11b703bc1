// The organisation that a run plays in: pools, roles, agents, and the policy with what is taken away and given back.
import pg from 'pg';
import { ask } from './ask.mjs';
import { ADMIN_KEY } from './replica.mjs';

/** @typedef {import('./rules.mjs').Statement} Statement */
/** @typedef {{ id: string, key: string, role: string }} Agent */
/** @typedef {{ id: string, key: string }} Pool */

export const POOLS = ['shared', 'wiki', 'ops', 'lab', 'desk', 'field', 'yard', 'dock'];
export const TYPES = ['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'];
export const ENTITIES = ['alpha', 'beta', 'gamma'];
export const LABELS = ['hot', 'secret', 'plain'];
/** Where proposals are made. */
export const PROPOSAL_POOLS = ['shared', 'wiki'];

/** Nothing is taken from these: they are owed all that they may read, always. */
export const STEADY = ['steady', 'picky', 'judge', 'masked'];
/** Of subscribers: three quarters are of roles whose rights stay. */
export const SHARES = { steady: 35, picky: 15, judge: 15, masked: 10, roamer: 15, seer: 10 };
const ROLES = [...Object.keys(SHARES), 'writer', 'proposer'];
const SHOWN = ['entityId', 'labels', 'metadata', 'author', 'sessionId', 'speaker'];

/** @param {string} role @param {string[]} actions @param {Partial<Statement>} [rest] */
const allow = (role, actions, rest = {}) => ({ effect: 'ALLOW', roles: [role], actions, pools: POOLS, ...rest });
/** @param {string} role @param {Partial<Statement>} rest */
const deny = (role, rest) => ({ ...allow(role, ['READ'], rest), effect: 'DENY' });

/** Each is there or is not. @type {Record<string, Statement>} */
const DENIES = {
  'seer-type': deny('seer', { where: { type: { eq: 'PROCEDURAL' } } }),
  'seer-entity': deny('seer', { where: { entityId: { eq: 'alpha' } } }),
  'seer-label': deny('seer', { where: { labels: { contains: 'hot' } } }),
  'seer-pool': deny('seer', { pools: ['ops', 'field'] }),
};
/** Taken away one by one; the last three are most often there together, so that some subscriptions end. */
const TAKEN = [...POOLS.map((pool) => `roamer-${pool}`), ...Object.keys(DENIES)];

export class Policy {
  /** @param {import('./random.mjs').Random} random */
  constructor(random) {
    this.random = random;
    /** What is taken away now. @type {Set<string>} */
    this.taken = new Set();
    this.version = 1;
  }

  /** @returns {Statement[]} */
  statements() {
    const roams = POOLS.filter((pool) => !this.taken.has(`roamer-${pool}`));
    return [
      { effect: 'ALLOW', roles: ['admin'], actions: ['ADMINISTER'], pools: ['*'] },
      allow('writer', ['READ', 'WRITE', 'REVISE', 'FORGET']),
      allow('proposer', ['READ', 'PROPOSE'], { pools: PROPOSAL_POOLS }),
      allow('steady', ['READ']),
      allow('picky', ['READ']),
      deny('picky', { where: { labels: { contains: 'secret' } } }),
      allow('judge', ['READ', 'REVIEW']),
      allow('masked', ['READ'], { fields: SHOWN }),
      ...roams.map((pool) => allow('roamer', ['READ'], { pools: [pool] })),
      allow('seer', ['READ']),
      ...Object.entries(DENIES).flatMap(([name, statement]) => (this.taken.has(name) ? [statement] : [])),
    ];
  }

  /** Mostly given back soon: most of the time most is readable. */
  change() {
    const { random, taken } = this;
    if (taken.size > 0 && random.chance(Math.min(0.9, taken.size / 5))) {
      const back = random.one([...taken]);
      taken.delete(back);
      return `gives ${back}`;
    }
    const away = random.one(TAKEN.filter((name) => !taken.has(name)));
    taken.add(away);
    return `takes ${away}`;
  }

  restore() {
    this.taken.clear();
  }

  /** A policy of the current state, over the newest version. @param {string} url */
  async activate(url) {
    const input = { expectedVersion: this.version, statements: this.statements() };
    const document = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';
    const { activatePolicy } = await ask(url, ADMIN_KEY, document, { input });
    this.version = activatePolicy.policy.version;
    return this.version;
  }

  /** After an edit of which nobody knows what became of it. @param {string} url */
  async look(url) {
    const { policy } = await ask(url, ADMIN_KEY, '{ policy { version } }');
    this.version = policy.version;
    return this.version;
  }
}

/**
 * @param {string} url of a broker @param {string} databaseUrl @param {Policy} policy
 * @param {import('./history.mjs').History} history
 */
export async function makeWorld(url, databaseUrl, policy, history) {
  const admin = (/** @type {string} */ document, /** @type {Record<string, unknown>} */ variables) =>
    ask(url, ADMIN_KEY, document, variables);
  for (const key of ROLES)
    await admin('mutation ($input: CreateRoleInput!) { createRole(input: $input) { key } }', { input: { key } });
  const create = 'mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }';
  for (const key of POOLS.slice(1)) await admin(create, { input: { key, kind: 'SHARED' } });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // A pool of the last minute is told from its beginning to whoever gains it, which is not what is tested here.
  await client.query(`update pool set created_at = created_at - interval '1 hour'`);
  const { rows } = await client.query('select org_id as org, pool_id as id, key from pool where key = any($1)', [
    POOLS,
  ]);
  await client.end();
  const from = history.now();
  history.tell('edited', { from, version: await policy.activate(url), what: 'begins' });
  for (const { id, key } of rows) history.tell('pool', { id, key });
  return {
    orgId: /** @type {string} */ (rows[0].org),
    poolIds: /** @type {Map<string, string>} */ (new Map(rows.map(({ id, key }) => [key, id]))),
    /** @param {string} role @returns {Promise<Agent>} */
    agent: async (role) => {
      const document =
        'mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { agent { id } issuedKey { secret } } }';
      const { registerAgent } = await admin(document, { input: { name: `a ${role}`, role } });
      return { id: registerAgent.agent.id, key: registerAgent.issuedKey.secret, role };
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof makeWorld>>} World */
