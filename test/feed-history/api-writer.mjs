// One writer through the API: what it was told came to be, what was refused, and what nobody knows.
import { setTimeout as pause } from 'node:timers/promises';
import { ask, Refused } from './ask.mjs';
import { ENTITIES, LABELS, POOLS, PROPOSAL_POOLS, TYPES } from './world.mjs';

const STORED = 'outcome memory { id version }';
const ONE = `mutation ($input: MemorizeInput!) { memorize(input: $input) { ${STORED} } }`;
const MANY = `mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { ${STORED} } failures { index code } } }`;
const REVISE = 'mutation ($input: ReviseInput!) { revise(input: $input) { version } }';
const FORGET = 'mutation ($id: ID!) { forget(id: $id) { id } }';
const REVIEW = 'mutation ($id: ID!, $approve: Boolean!) { review(id: $id, approve: $approve) { id } }';
const KEPT = 200;

/** @typedef {{ history: import('./history.mjs').History, replicas: import('./replica.mjs').Replica[], random: import('./random.mjs').Random, pace: () => Promise<number>, written: (events: number) => void }} Run */

/** What a memory is about, so that every condition and filter has something. @param {import('./random.mjs').Random} random */
export const someAttributes = (random) => ({
  type: random.one(TYPES),
  entityId: random.one([...ENTITIES, null]),
  labels: random.some(LABELS, random.below(3)),
});

export class ApiWriter {
  /**
   * @param {number} number @param {{ writer: import('./world.mjs').Agent, proposer: import('./world.mjs').Agent, judge: import('./world.mjs').Agent }} agents
   * @param {Run} run
   */
  constructor(number, agents, run) {
    this.number = number;
    this.agents = agents;
    this.run = run;
    this.made = 0;
    this.stopped = false;
    /** Of what it wrote: to revise and to forget. @type {{ id: string, version: number, pool: string }[]} */
    this.mine = [];
  }

  async live() {
    while (!this.stopped) {
      const batch = await this.run.pace();
      const choice = this.run.random.next();
      if (choice < 0.15) await this.memorize([this.input(this.run.random.one(POOLS))]);
      else if (choice < 0.6) {
        const pool = this.run.random.one(POOLS);
        await this.memorize(Array.from({ length: batch }, () => this.input(pool)));
      } else if (choice < 0.78) await this.revise();
      else if (choice < 0.86) await this.forget();
      else await this.propose();
    }
  }

  /** @param {string} pool */
  input(pool) {
    const content = `writer ${this.number} noted finding ${this.made++}`;
    return { ...someAttributes(this.run.random), content, pool, idempotencyKey: content };
  }

  /** @param {ReturnType<ApiWriter['input']>[]} inputs @param {'MEMORIZED' | 'PROPOSED'} [kind] @returns {Promise<string[]>} ids */
  async memorize(inputs, kind = 'MEMORIZED') {
    const { key } = kind === 'PROPOSED' ? this.agents.proposer : this.agents.writer;
    const isOne = inputs.length === 1;
    const from = this.run.history.now();
    const pool = /** @type {string} */ (inputs[0]?.pool);
    const asked = inputs.map(({ content, type, entityId, labels }) => ({ content, type, entityId, labels }));
    const answer = await this.send(
      { from, kind, pool, asked },
      key,
      isOne ? ONE : MANY,
      isOne ? { input: inputs[0] } : { inputs },
    );
    if (!answer) return [];
    const results = isOne ? [answer.memorize] : answer.memorizeMany.results;
    const failures = isOne ? [] : answer.memorizeMany.failures;
    const ids = results.map((/** @type {any} */ result) => result.memory.id);
    const outcomes = [...new Set(results.map((/** @type {any} */ result) => result.outcome))];
    // Of what failed alone nobody knows more than of a request that broke.
    const doubtful = failures.length > 0 ? { failures, asked } : {};
    this.run.history.tell('wrote', { w: this.number, from, kind, pool, ids, outcomes, ...doubtful });
    this.run.written(ids.length);
    if (kind === 'MEMORIZED') for (const id of ids.slice(0, 5)) this.mine.push({ id, version: 1, pool });
    if (this.mine.length > KEPT) this.mine.splice(0, this.mine.length - KEPT);
    return ids;
  }

  async revise() {
    const memory = this.take();
    if (!memory) return;
    const from = this.run.history.now();
    const content = `writer ${this.number} thought again, ${this.made++}`;
    const input = { id: memory.id, expectedVersion: memory.version, content };
    const about = { from, kind: 'REVISED', pool: memory.pool, ids: [memory.id] };
    const answer = await this.send(about, this.agents.writer.key, REVISE, { input });
    if (!answer) return;
    this.mine.push({ ...memory, version: answer.revise.version });
    this.run.history.tell('wrote', { w: this.number, ...about });
    this.run.written(1);
  }

  async forget() {
    const memory = this.take();
    if (!memory) return;
    const about = { from: this.run.history.now(), kind: 'FORGOTTEN', pool: memory.pool, ids: [memory.id] };
    if (!(await this.send(about, this.agents.writer.key, FORGET, { id: memory.id }))) return;
    this.run.history.tell('wrote', { w: this.number, ...about });
    this.run.written(1);
  }

  async propose() {
    const pool = this.run.random.one(PROPOSAL_POOLS);
    const [id] = await this.memorize([this.input(pool)], 'PROPOSED');
    if (!id) return;
    await pause(this.run.random.about(300));
    const about = { from: this.run.history.now(), kind: 'REVIEWED', pool, ids: [id] };
    const approve = this.run.random.chance(0.7);
    if (!(await this.send(about, this.agents.judge.key, REVIEW, { id, approve }))) return;
    this.run.history.tell('wrote', { w: this.number, ...about });
    this.run.written(1);
  }

  take() {
    if (this.mine.length === 0) return undefined;
    return this.mine.splice(this.run.random.below(this.mine.length), 1)[0];
  }

  /**
   * @param {Record<string, unknown>} about @param {string} key @param {string} query @param {Record<string, unknown>} variables
   * @returns {Promise<any>} undefined when it was refused, or is unknown
   */
  async send(about, key, query, variables) {
    const up = this.run.replicas.filter(({ isUp }) => isUp);
    const { url } = this.run.random.one(up.length ? up : this.run.replicas);
    try {
      return await ask(url, key, query, variables);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, isUnknown, message } = error;
      this.run.history.tell(isUnknown ? 'unknown' : 'refused', { w: this.number, ...about, code, message });
      await pause(isUnknown ? 300 : 0);
      return undefined;
    }
  }
}
