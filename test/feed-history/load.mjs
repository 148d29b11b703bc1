// One run: a database, two brokers, writers, subscribers, an editor of the policy, and what kills; then rest, and the truth.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { ApiWriter } from './api-writer.mjs';
import { ask, Refused } from './ask.mjs';
import { randomFrom } from './random.mjs';
import { Replica } from './replica.mjs';
import { isAsked, sight } from './rules.mjs';
import { SqlWriter } from './sql-writer.mjs';
import { DOCUMENTS, Subscriber } from './subscriber.mjs';
import { tellTruth } from './truth.mjs';
import { ENTITIES, makeWorld, Policy, POOLS, SHARES, TYPES } from './world.mjs';

/**
 * @typedef {object} Options
 * @property {number} seed @property {number} subscribers @property {number} writers @property {number} minutes
 * @property {number} deliveries to end at; 0 for no end @property {number} rate of events a second
 * @property {number} replicaKillMs how far apart about; 0 for never @property {number} postgresKillMs
 * @property {number} editMs
 */

const SUBSCRIBERS_OF_AGENT = 5;
const SQL_SHARE = 4;
const MEAN_LIFE_MS = 12_000;
const SCOPES_SETTLE_MS = 3_000;
/** On two processors 200 subscribers are far behind when the writers stop. */
const HEAD_WITHIN_MS = 600_000;
/** Not much sooner: each time is more for those to read who are behind. */
const LAST_AGAIN_MS = 20_000;

export class Load {
  /**
   * @param {Options} options @param {import('./history.mjs').History} history @param {import('./postgres.mjs').Postgres} postgres
   * @param {string} folder
   */
  constructor(options, history, postgres, folder) {
    this.options = options;
    this.history = history;
    this.postgres = postgres;
    this.random = randomFrom(options.seed);
    this.policy = new Policy(randomFrom(options.seed + 1));
    this.databaseUrl = Object.assign(new URL(postgres.url), { pathname: '/history' }).href;
    const env = { DATABASE_URL: this.databaseUrl };
    this.replicas = [1, 2].map((number) => new Replica(number, folder, env, history));
    /** @type {Subscriber[]} */
    this.subscribers = [];
    /** @type {(ApiWriter | SqlWriter)[]} */
    this.writers = [];
    this.counts = { writes: 0, edits: 0, failedEdits: 0, replicaKills: 0, postgresKills: 0 };
    this.running = true;
    this.nextWriteAt = 0;
  }

  get delivered() {
    return this.subscribers.reduce((sum, { delivered }) => sum + delivered, 0);
  }

  async prepare() {
    const client = new pg.Client({ connectionString: this.postgres.url });
    await client.connect();
    await client.query('create database history');
    await client.end();
    // One after the other: the first migrates.
    for (const replica of this.replicas) await replica.start();
    const { url } = /** @type {Replica} */ (this.replicas[0]);
    this.world = await makeWorld(url, this.databaseUrl, this.policy, this.history);
    const run = {
      history: this.history,
      replicas: this.replicas,
      random: this.random,
      meanLifeMs: MEAN_LIFE_MS,
      pace: () => this.pace(),
      written: (/** @type {number} */ events) => (this.counts.writes += events),
    };
    await this.makeSubscribers(run);
    for (let number = 1; number <= this.options.writers; number++) {
      const [writer, proposer, judge] = [
        await this.world.agent('writer'),
        await this.world.agent('proposer'),
        await this.world.agent('judge'),
      ];
      const isSql = number % SQL_SHARE === 0;
      this.writers.push(
        isSql
          ? new SqlWriter(number, writer.id, this.world, this.databaseUrl, run)
          : new ApiWriter(number, { writer, proposer, judge }, run),
      );
    }
  }

  /** @param {ConstructorParameters<typeof Subscriber>[4]} run */
  async makeSubscribers(run) {
    const world = /** @type {import('./world.mjs').World} */ (this.world);
    const roles = Object.entries(SHARES).flatMap(([role, share]) => Array.from({ length: share }, () => role));
    // Spread evenly, so that a few subscribers are of many roles too.
    const roleOf = (/** @type {number} */ n) => /** @type {string} */ (roles[(n * 37) % roles.length]);
    /** @type {Map<string, { agent: import('./world.mjs').Agent, left: number }>} */
    const agents = new Map();
    for (let number = 0; number < this.options.subscribers; number++) {
      const role = roleOf(number);
      let one = agents.get(role);
      if (!one || one.left === 0) one = { agent: await world.agent(role), left: SUBSCRIBERS_OF_AGENT };
      agents.set(role, { ...one, left: one.left - 1 });
      const document = this.random.below(DOCUMENTS.length);
      this.subscribers.push(new Subscriber(number, one.agent, this.someInput(), document, run));
    }
  }

  someInput() {
    const { random } = this;
    const choice = random.next();
    if (choice < 0.5) return {};
    if (choice < 0.75) return { pools: random.some(POOLS, 2 + random.below(3)) };
    if (choice < 0.88) return { types: random.some(TYPES, 1 + random.below(2)) };
    return { entityId: random.one(ENTITIES) };
  }

  /** Waits so long that all writers together make about so many events as was asked for. @returns how many to write at once */
  async pace() {
    const now = this.history.now();
    const batch = 2 + this.random.below(Math.max(2, Math.round(this.options.rate / 5)));
    // A turn makes about half a batch: two fifths of the turns are one event.
    this.nextWriteAt = Math.max(now, this.nextWriteAt) + (batch / 2 / this.options.rate) * 1_000;
    await pause(Math.max(0, Math.min(2_000, this.nextWriteAt - now)));
    return batch;
  }

  /** @param {() => void} onProgress about every five seconds */
  async run(onProgress) {
    const lives = this.subscribers.map((subscriber) => subscriber.live());
    await pause(1_000);
    const writing = this.writers.map((writer) => writer.live());
    const others = [this.edit(), this.killReplicas(), this.killPostgres()];
    const endAt = this.history.now() + this.options.minutes * 60_000;
    const isEnough = () => this.options.deliveries > 0 && this.delivered >= this.options.deliveries;
    for (let turn = 1; this.running && this.history.now() < endAt && !isEnough(); turn++) {
      await pause(1_000);
      if (turn % 5 === 0) onProgress();
    }
    this.running = false;
    for (const writer of this.writers) writer.stopped = true;
    await Promise.all([...writing, ...others]);
    await this.rest();
    for (const subscriber of this.subscribers) subscriber.stop();
    await Promise.all(lives);
    await tellTruth(this.databaseUrl, this.history);
  }

  async edit() {
    while (this.running) {
      const startedAt = this.history.now();
      const what = this.policy.change();
      await this.activate(what);
      const next = startedAt + this.options.editMs;
      while (this.running && this.history.now() < next) await pause(Math.min(100, next - this.history.now()));
    }
  }

  /** @param {string} what */
  async activate(what) {
    const up = this.replicas.filter(({ isUp }) => isUp);
    const { url } = this.random.one(up.length ? up : this.replicas);
    const from = this.history.now();
    try {
      const version = await this.policy.activate(url);
      this.history.tell('edited', { from, version, what });
      this.counts.edits++;
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.history.tell('edit-failed', { from, what, message: error.message });
      this.counts.failedEdits++;
      // Whatever became of it: this is what is in force now, at the latest.
      const version = await this.policy.look(url).catch(() => undefined);
      if (version !== undefined) this.history.tell('edited', { from, version, what: 'seen afterwards' });
      else await pause(300);
      return false;
    }
  }

  async killReplicas() {
    const { replicaKillMs } = this.options;
    while (replicaKillMs > 0 && (await this.waits(replicaKillMs))) {
      const up = this.replicas.filter(({ isUp }) => isUp);
      if (up.length === 0) continue;
      this.random.one(up).kill();
      this.counts.replicaKills++;
    }
  }

  async killPostgres() {
    const { postgresKillMs } = this.options;
    while (postgresKillMs > 0 && (await this.waits(postgresKillMs))) {
      const pid = this.postgres.kill();
      this.history.tell('kill', { what: 'postgres', pid });
      this.counts.postgresKills++;
      await pause(this.random.between(100, 1_500));
      await this.postgres.restart();
      this.history.tell('up', { what: 'postgres' });
    }
  }

  /** Half to one and a half of it. @param {number} ms @returns whether the run goes on still */
  async waits(ms) {
    const until = this.history.now() + this.random.between(ms / 2, ms * 1.5);
    while (this.running && this.history.now() < until) await pause(100);
    return this.running;
  }

  /** All is given back, everybody goes on to the head; what is written last tells them that they are there. */
  async rest() {
    this.history.tell('rest', {});
    while (this.replicas.some(({ isUp }) => !isUp)) await pause(100);
    for (const subscriber of this.subscribers) subscriber.restless = false;
    this.policy.restore();
    while (!(await this.activate('gives all back'))) await pause(300);
    await pause(SCOPES_SETTLE_MS);
    for (const subscriber of this.subscribers) subscriber.seen = new Set();
    let last = await this.writeLast();
    const until = this.history.now() + HEAD_WITHIN_MS;
    let againAt = this.history.now() + LAST_AGAIN_MS;
    const isThere = (/** @type {Subscriber} */ { seen, input, agent }) =>
      last.every(
        ({ id, pool, row }) =>
          seen?.has(id) || !isAsked(input, pool, row) || !sight(this.policy.statements(), agent.role, pool, row).reads,
      );
    const missing = () => this.subscribers.filter((subscriber) => !isThere(subscriber));
    while (missing().length > 0 && this.history.now() < until) {
      await pause(100);
      // Who heard of what it was given back only after the last was written is told of what is written from then on.
      if (this.history.now() < againAt) continue;
      last = await this.writeLast();
      againAt = this.history.now() + LAST_AGAIN_MS;
    }
    this.history.tell('rested', { missing: missing().map(({ number }) => number) });
  }

  /** One of each type and entity in every pool: some of them pass every filter. */
  async writeLast() {
    const { url } = /** @type {Replica} */ (this.replicas[0]);
    const { key } = await /** @type {import('./world.mjs').World} */ (this.world).agent('writer');
    const document =
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { memory { id } } failures { code } } }';
    const rows = TYPES.flatMap((type) =>
      ENTITIES.map((entityId) => ({ type, entityId, labels: /** @type {string[]} */ ([]) })),
    );
    const last = [];
    for (const pool of POOLS) {
      const inputs = rows.map((row, n) => ({
        ...row,
        pool,
        content: `the last of ${pool}, ${n}, ${this.history.now()}`,
      }));
      const from = this.history.now();
      const { memorizeMany } = await ask(url, key, document, { inputs });
      const ids = memorizeMany.results.map((/** @type {any} */ result) => /** @type {string} */ (result.memory.id));
      this.history.tell('wrote', { w: 0, from, kind: 'MEMORIZED', pool, ids, outcomes: ['CREATED'] });
      for (const [n, row] of rows.entries())
        last.push({ id: /** @type {string} */ (ids[n]), pool, row: { ...row, held: false } });
    }
    return last;
  }

  async stop() {
    this.running = false;
    for (const actor of [...this.writers, ...this.subscribers]) actor.stopped = true;
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }
}
