// One subscriber over raw graphql-transport-ws: it goes on from its last cursor, for ever and anywhere.
import { createHash } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';
import { ask } from './ask.mjs';

/** @typedef {{ pools?: string[], types?: string[], entityId?: string }} Input */

const EVENT = 'id kind cursor memoryId poolKey policyVersion';
/** What subscribers ask of a memory. */
export const DOCUMENTS = [
  'memory { status type entityId labels content maskedFields }',
  'memory { status type entityId labels content version author { id } pool { key } }',
  'memory { status content derivedFrom { id } }',
  '',
];
const CONNECT_WITHIN_MS = 15_000;
const LIST = '{ memories(first: 20) { nodes { id } } }';

/** @param {string} text */
export const digest = (text) => createHash('sha1').update(text).digest('base64url').slice(0, 12);

export class Subscriber {
  /**
   * @param {number} number @param {import('./world.mjs').Agent} agent @param {Input} input @param {number} document
   * @param {{ history: import('./history.mjs').History, replicas: import('./replica.mjs').Replica[], random: import('./random.mjs').Random, meanLifeMs: number }} run
   */
  constructor(number, agent, input, document, run) {
    this.agent = agent;
    this.input = input;
    this.number = number;
    this.run = run;
    const memory = DOCUMENTS[document];
    this.query = `subscription ($input: FeedInput) { memoryFeed(input: $input) { ${EVENT} ${memory} } }`;
    this.connection = 0;
    /** @type {string | null} */
    this.cursor = null;
    this.restless = true;
    this.stopped = false;
    this.delivered = 0;
    /** Ids of memories told as MEMORIZED since the end was called. @type {Set<string> | null} */
    this.seen = null;
    /** @type {Map<string, number>} */
    this.ends = new Map();
    run.history.tell('sub', { s: number, role: agent.role, agent: agent.id, input, document });
  }

  async live() {
    const { random } = this.run;
    while (!this.stopped) {
      if (this.cursor === null && !(await this.begin())) {
        await pause(random.between(200, 600));
        continue;
      }
      const code = await this.connect();
      this.ends.set(code, (this.ends.get(code) ?? 0) + 1);
      if (code === 'CURSOR_EXPIRED') this.cursor = null;
      const isLeft = code === 'left';
      await pause(isLeft ? random.about(400) : random.between(200, 800));
      if (isLeft && this.restless && random.chance(0.04)) this.cursor = null;
    }
  }

  /** @returns {import('./replica.mjs').Replica} */
  somewhere() {
    const up = this.run.replicas.filter(({ isUp }) => isUp);
    return this.run.random.one(up.length ? up : this.run.replicas);
  }

  /** As the documentation says: take a cursor, list, subscribe from it. */
  async begin() {
    const from = this.run.history.now();
    try {
      const { url } = this.somewhere();
      const { feedCursor } = await ask(url, this.agent.key, '{ feedCursor }');
      this.cursor = feedCursor;
      this.run.history.tell('begin', { s: this.number, from, cursor: digest(feedCursor) });
      await ask(url, this.agent.key, LIST);
      return true;
    } catch {
      return this.cursor !== null;
    }
  }

  /** One connection. @returns {Promise<string>} why it ended; `left` when this side chose to */
  connect() {
    const { history, random, meanLifeMs } = this.run;
    const replica = this.somewhere();
    const c = ++this.connection;
    const s = this.number;
    history.tell('connect', { s, c, r: replica.number, after: digest(/** @type {string} */ (this.cursor)) });
    return new Promise((resolve) => {
      const socket = new WebSocket(replica.url.replace('http', 'ws'), 'graphql-transport-ws');
      this.socket = socket;
      let done = false;
      const finish = (/** @type {string} */ code, detail = '') => {
        if (done) return;
        done = true;
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', () => undefined);
        socket.terminate();
        history.tell('ended', { s, c, code, detail: detail.slice(0, 200) });
        resolve(code);
      };
      let timer = setTimeout(() => finish('slow'), CONNECT_WITHIN_MS);
      const settle = () => {
        clearTimeout(timer);
        if (this.restless) timer = setTimeout(() => this.leave(socket, finish), random.about(meanLifeMs));
      };
      const send = (/** @type {unknown} */ message) => socket.send(JSON.stringify(message));
      socket.on('open', () =>
        send({ type: 'connection_init', payload: { authorization: `Bearer ${this.agent.key}` } }),
      );
      socket.on('error', (error) => finish('broken', error.message));
      socket.on('close', (code, reason) => finish(`close ${code}`, String(reason)));
      socket.on('message', (data) => {
        const message = JSON.parse(String(data));
        if (message.type === 'connection_ack') {
          const input = { ...this.input, after: this.cursor };
          send({ id: '1', type: 'subscribe', payload: { query: this.query, variables: { input } } });
          settle();
        } else if (message.type === 'next' && message.payload.data?.memoryFeed && !message.payload.errors)
          this.receive(c, message.payload.data.memoryFeed);
        else if (message.type === 'next') finish(...failure(message.payload.errors));
        else if (message.type === 'error') finish(...failure(message.payload));
        else if (message.type === 'complete') finish('complete');
        else if (message.type === 'ping') send({ type: 'pong' });
      });
    });
  }

  /** @param {WebSocket} socket @param {(code: string) => void} finish */
  leave(socket, finish) {
    const { random } = this.run;
    const way = random.one(['drop', 'drop', 'complete', 'close', 'stall']);
    if (way === 'drop') return finish('left');
    if (way === 'stall') {
      socket.pause();
      setTimeout(
        () => {
          // Half of those who stalled read on, from what stands in the buffers of the kernel.
          if (random.chance(0.5)) return finish('left');
          socket.resume();
          setTimeout(() => finish('left'), random.between(200, 2_000));
        },
        random.between(500, 3_000),
      );
      return undefined;
    }
    if (way === 'complete') socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    else socket.close(1000);
    // What was under way still comes, and counts.
    setTimeout(() => finish('left'), 300);
    return undefined;
  }

  /** @param {number} c @param {any} event */
  receive(c, { id, kind, cursor, memoryId, poolKey, policyVersion, memory }) {
    this.cursor = cursor;
    const what = { s: this.number, c, id, e: kind, h: digest(cursor), p: poolKey, m: memoryId, v: policyVersion };
    this.run.history.tell('d', memory === undefined ? what : { ...what, o: memory });
    if (kind === 'CHECKPOINT' || kind === 'SCOPE_CHANGED') return;
    this.delivered++;
    this.seen?.add(memoryId);
  }

  stop() {
    this.stopped = true;
    this.restless = false;
    this.socket?.close(1000);
  }
}

/** @param {any} errors @returns {[string, string]} */
const failure = (errors) => [errors?.[0]?.extensions?.code ?? 'no code', errors?.[0]?.message ?? ''];
