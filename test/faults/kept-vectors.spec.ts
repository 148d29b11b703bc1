import type { Principal } from '#access';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { createNativeDatabase, isNative, itOnNative, nativeOnly, openTestDatabase } from '../support/database.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { Comparisons, withoutKept } from '../support/kept-answers.js';
import { difference, MOST, withoutTies } from '../support/kept-difference.js';
import { randomNumbers } from '../support/random-numbers.js';

const BURSTS = 25;
const SEED = Number(process.env['KEPT_SEED'] ?? Date.now() % 1_000_000);
const WORDS = ['deploy', 'release', 'defect', 'fault', 'postgres', 'storage', 'latency', 'secret', 'ledger', 'kettle'];
const random = randomNumbers(SEED);

let embedder: EmbeddingServer;
/** Two brokers, each with what it keeps, on one database. */
let apis: [TestApi, TestApi];
let coder: Principal;

beforeAll(async () => {
  if (!isNative) return;
  embedder = await EmbeddingServer.start();
  embedder.refuses = 'xylophone';
  const url = await createNativeDatabase();
  const start = async () => startTestApi(embedder.env, await openTestDatabase(url));
  apis = [await start(), await start()];
  coder = await apis[0].broker.credentials.authenticate((await apis[0].agent('coder')).key);
}, 120_000);
afterAll(async () => {
  if (!isNative) return;
  for (const api of apis) await api.close();
  await embedder.close();
});

const sentence = () => Array.from({ length: 6 }, () => random.one(WORDS)).join(' ');
let number = 0;
const content = () => `${sentence()} ${random.below(20) === 0 ? 'xylophone ' : ''}${++number}`;
const versions = new Map<string, number>();

async function store(at: 0 | 1): Promise<void> {
  const { memory } = await apis[at].broker.memorize.memorize(coder, { type: 'EPISODIC', content: content() });
  versions.set(memory.id, 1);
}

const comparisons = new Comparisons();
afterAll(() => comparisons.end());

/** Of a memory that nobody else changes meanwhile. */
async function change(at: 0 | 1, forgotten: Set<string>): Promise<void> {
  const id = random.one([...versions.keys()]);
  const version = versions.get(id) as number;
  versions.delete(id);
  if (random.below(3) === 0) {
    await apis[at].broker.forget.forget(coder, id);
    forgotten.add(id);
    return;
  }
  await apis[at].broker.revise.revise(coder, { id, expectedVersion: version, content: content() });
  versions.set(id, version + 1);
}

itOnNative(
  nativeOnly(`two brokers that write, revise and forget while both recall answer what the database answers (${SEED})`),
  async () => {
    const look = (at: 0 | 1, query: string) => apis[at].broker.recall.look(coder, { query, limit: MOST });
    const told: unknown[] = [];
    const comparedIn = [0, 0] as [number, number];
    for (let nth = 0; nth < 40; nth++) await store((nth % 2) as 0 | 1);
    for (let burst = 0; burst < BURSTS; burst++) {
      let over = false;
      const forgotten = new Set<string>();
      const reading = ([0, 1, 0, 1] as const).map(async (at) => {
        while (!over) {
          const before = new Set(forgotten);
          const { hits } = await look(at, sentence());
          for (const { memory } of hits) if (before.has(memory.id)) told.push({ burst, forgotten: memory.id });
        }
      });
      const writing = ([0, 1, 0] as const).map(async (at) => {
        for (let turn = 0; turn < 8; turn++) await (random.below(3) === 0 ? change(at, forgotten) : store(at));
      });
      const ended = await Promise.allSettled(writing);
      over = true;
      await Promise.all(reading);
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
      for (const at of [0, 1] as const) {
        const query = sentence();
        const before = comparisons.count;
        const kept = await look(at, query);
        if (comparisons.count > before) comparedIn[at]++;
        const stored = await withoutKept(apis[at].broker, () => look(at, query));
        const differs = difference(withoutTies(kept), withoutTies(stored));
        if (differs) told.push({ burst, at, query, differs });
      }
    }
    expect(told).toEqual([]);
    expect(Math.min(...comparedIn)).toBeGreaterThan(BURSTS / 2);
  },
  240_000,
);
