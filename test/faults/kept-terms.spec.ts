import type { Principal } from '#access';
import { afterAll, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startTestApi, type TestApi } from '../support/api.js';
import { createNativeDatabase, isNative, itOnNative, nativeOnly, openTestDatabase } from '../support/database.js';
import { KeptAnswers, recallOver, termsOver } from '../support/kept-answers.js';

const ROUNDS = 300;
const TIMEOUT_MS = 240_000;

/** Two brokers, each with a pool of connections of its own to one database. */
let apis: [TestApi, TestApi];
let coder: Principal;
let answers: [KeptAnswers, KeptAnswers];
/** A session of the database that no broker knows of. */
let outside: pg.Client;
let background: Promise<unknown>[] = [];
let over = false;

beforeAll(async () => {
  if (!isNative) return;
  const url = await createNativeDatabase();
  apis = [await startTestApi({}, await openTestDatabase(url)), await startTestApi({}, await openTestDatabase(url))];
  coder = await apis[0].broker.credentials.authenticate((await apis[0].agent('coder')).key);
  answers = [new KeptAnswers(apis[0].broker.terms), new KeptAnswers(apis[1].broker.terms)];
  outside = new pg.Client({ connectionString: url });
  // The database is dropped before it ends.
  outside.on('error', () => undefined);
  await outside.connect();
  for (let n = 0; n < 20; n++) await store(n % 2, `a note to begin with, number ${n}`);
}, 120_000);
afterAll(async () => {
  if (!isNative) return;
  await outside.end();
  for (const api of apis) await api.close();
});
beforeEach(async () => {
  if (!isNative) return;
  over = false;
  background = [];
  for (const [at, { broker }] of apis.entries()) {
    await found(at, 'note');
    await broker.terms.settled();
    answers[at]?.takeAll();
  }
});

const brokerAt = (at: number) => (apis[at % 2] as TestApi).broker;

const store = async (at: number, content: string): Promise<string> =>
  (await brokerAt(at).memorize.memorize(coder, { type: 'EPISODIC', content })).memory.id;

const found = async (at: number, query: string): Promise<string[]> =>
  (await brokerAt(at).recall.look(coder, { query })).hits.map(({ memory }) => memory.id);

/** Until the test has seen enough. */
function meanwhile(work: (turn: number) => Promise<unknown>): void {
  const working = async () => {
    for (let turn = 0; !over; turn++) await work(turn);
  };
  background.push(working());
}

const end = async (): Promise<void> => {
  over = true;
  await Promise.all(background);
};

/** Pauses between them: as many as the other tests leave to the machine, and fewer between two looks than are taken in. */
const writeOthers = (at: number) => {
  meanwhile(async (turn) => {
    await store(at, `noise at broker ${at}, turn ${turn} of ${Date.now()}`);
    await pause(3);
  });
};

const statusOf = (id: string, status: string) =>
  outside.query('update memory set status = $2 where memory_id = $1', [id, status]);

describe('kept terms of two brokers on one Postgres', () => {
  itOnNative(
    nativeOnly(`have at once what the other one acknowledged, ${ROUNDS} times of ${ROUNDS}, and lose what it forgot`),
    async () => {
      const hidden = await store(0, 'The zephyr waits for a long transaction');
      const late: string[] = [];
      let commits = 0;
      for (const at of [0, 1]) writeOthers(at);
      // Its number is an early one, and its change comes late: many a look begins and ends between the two.
      meanwhile(async (turn) => {
        const isShown = turn % 2 === 1;
        await outside.query('begin');
        await outside.query('select pg_current_xact_id()');
        await pause(60);
        await statusOf(hidden, isShown ? 'ACTIVE' : 'SUPERSEDED');
        await pause(60);
        const before = await Promise.all([found(0, 'zephyr'), found(1, 'zephyr')]);
        await outside.query('commit');
        const after = await Promise.all([found(0, 'zephyr'), found(1, 'zephyr')]);
        commits++;
        if (before.some((ids) => ids.includes(hidden) === isShown)) late.push(`turn ${turn}: before its commit`);
        if (after.some((ids) => ids.includes(hidden) !== isShown)) late.push(`turn ${turn}: after its commit`);
      });
      for (let round = 0; round < ROUNDS; round++) {
        const word = `zq${round}word`;
        const id = await store(round, `${word} was noted`);
        if (!(await found(round + 1, word)).includes(id)) late.push(`round ${round}: not found`);
        await brokerAt(round).forget.forget(coder, id);
        if ((await found(round + 1, word)).includes(id)) late.push(`round ${round}: still found`);
      }
      await end();
      expect(late).toEqual([]);
      expect(commits).toBeGreaterThan(10);
      expect(answers.map((one) => one.takeAll())).toEqual([true, true]);
    },
    TIMEOUT_MS,
  );

  itOnNative(
    nativeOnly('lose no acknowledged write where many recall and many write at once'),
    async () => {
      const acknowledged: { word: string; id: string }[] = [];
      const lost: string[] = [];
      let recalls = 0;
      for (const writer of [0, 1, 2, 3])
        meanwhile(async (turn) => {
          const word = `zw${writer}x${turn}word`;
          acknowledged.push({ word, id: await store(writer, `${word} was written`) });
        });
      for (const reader of [0, 1, 2, 3, 4, 5])
        meanwhile(async () => {
          const last = acknowledged.slice(-8);
          if (last.length === 0) return pause(1);
          const ids = await found(reader, last.map(({ word }) => word).join(' '));
          for (const { word, id } of last) if (!ids.includes(id)) lost.push(word);
          if (++recalls >= 4 * ROUNDS) over = true;
        });
      await Promise.all(background);
      expect(lost).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(100);
      expect(answers.map((one) => one.takeAll())).toEqual([true, true]);
    },
    TIMEOUT_MS,
  );

  itOnNative(
    nativeOnly('have all of a pool that was written to while it was read, page by page'),
    async () => {
      const early = await store(0, 'The vellum was there before the rest');
      for (let page = 0; page < 12; page++) {
        const inputs = Array.from({ length: 100 }, (_, n) => ({
          type: 'EPISODIC' as const,
          content: `sheet ${page} ${n}`,
        }));
        await brokerAt(0).memorize.memorizeMany(coder, inputs);
      }
      const acknowledged: { word: string; id: string }[] = [];
      for (const writer of [0, 1])
        meanwhile(async (turn) => {
          const word = `zv${writer}x${turn}word`;
          acknowledged.push({ word, id: await store(writer, `${word} was written`) });
        });
      const lost: string[] = [];
      for (let reading = 0; reading < 30; reading++) {
        const terms = termsOver(brokerAt(0), 50_000, (error) => lost.push(String(error)));
        const kept = new KeptAnswers(terms);
        const recall = recallOver(brokerAt(0), terms);
        const look = async (query: string) =>
          (await recall.look(coder, { query, pools: ['coder'], limit: 100 })).hits.map(({ memory }) => memory.id);
        await statusOf(early, 'SUPERSEDED');
        const from = acknowledged.length;
        await look('vellum');
        await pause(reading);
        await statusOf(early, 'ACTIVE');
        await terms.settled();
        kept.takeAll();
        const since = acknowledged.slice(from).slice(-40);
        const ids = await look(`vellum ${since.map(({ word }) => word).join(' ')}`);
        for (const { word, id } of [...since, { word: 'vellum', id: early }])
          if (!ids.includes(id)) lost.push(`reading ${reading}: ${word}`);
        if (!kept.takeAll()) lost.push(`reading ${reading}: was not kept`);
        await terms.stop();
      }
      await end();
      expect(lost).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(30);
    },
    TIMEOUT_MS,
  );

  itOnNative(
    nativeOnly('are read anew when a connection was lost: Postgres may have crashed, and give out a number again'),
    async () => {
      const { database, terms } = brokerAt(0);
      const { incarnation } = database;
      const { rows } = await database.maintenance<{ pid: number }>('select pg_backend_pid() as pid');
      await outside.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      for (let wait = 0; database.incarnation === incarnation && wait < 200; wait++) await pause(25);
      expect(database.incarnation).toBeGreaterThan(incarnation);
      const id = await store(1, 'zqlost was noted behind its back');
      expect(await found(0, 'zqlost')).toEqual([id]);
      expect(answers[0]).toMatchObject({ asked: 1, answered: 0 });
      await terms.settled();
      answers[0].takeAll();
      const next = await store(1, 'zqnext was noted when all was there again');
      expect(await found(0, 'zqnext')).toEqual([next]);
      expect(await found(0, 'zqlost')).toEqual([id]);
      expect(answers[0].takeAll()).toBe(true);
    },
    TIMEOUT_MS,
  );
});
