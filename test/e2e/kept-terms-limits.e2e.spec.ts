import type { MemoryRow, Principal } from '#access';
import { KeptVectors, type RecallService, type TermIndex } from '#memory';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { readHits } from '../../libs/memory/src/recall/read-hits.js';
import type { Placed } from '../../libs/memory/src/recall/selection.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { KeptAnswers, recallOver, termsOver } from '../support/kept-answers.js';
import { deny, editPolicy } from '../support/policy.js';

let api: TestApi;
let coder: Principal;
const failures: unknown[] = [];
const opened: TermIndex[] = [];
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.broker.credentials.authenticate((await api.agent('coder')).key);
  for (const word of ['anvil', 'bellows', 'chisel']) await store(`The ${word} stands in the forge`);
});
afterAll(async () => {
  for (const terms of opened) await terms.stop();
  await api.close();
});

const store = async (content: string, rest: object = {}): Promise<string> =>
  (await api.broker.memorize.memorize(coder, { type: 'EPISODIC', content, ...rest })).memory.id;

async function storeMany(count: number, text: string): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const inputs = Array.from({ length: 100 }, (_, n) => ({
      type: 'EPISODIC' as const,
      content: `${text} ${from + n}`,
    }));
    expect((await api.broker.memorize.memorizeMany(coder, inputs)).failures).toEqual([]);
  }
}

/** @param capacity how many memories may be kept */
function keeping(capacity: number) {
  const onError = (error: unknown) => failures.push(error);
  const vectors = new KeptVectors(api.broker.access, 0, onError);
  const letGo = jest.spyOn(vectors, 'letGo');
  const terms = termsOver(api.broker, capacity, onError, vectors);
  opened.push(terms);
  return { terms, recall: recallOver(api.broker, terms), answers: new KeptAnswers(terms), letGo };
}

const found = async (recall: RecallService, query: string): Promise<string[]> =>
  (await recall.look(coder, { query, pools: ['coder'] })).hits.map(({ memory }) => memory.id);

describe('kept terms', () => {
  let kept: ReturnType<typeof keeping>;
  beforeEach(async () => {
    kept = keeping(50_000);
    await found(kept.recall, 'forge');
    await kept.terms.settled();
    kept.answers.takeAll();
  });
  const ask = (query: string) => found(kept.recall, query);

  it('know nothing of a memory from the moment in which it was forgotten', async () => {
    const id = await store('The tongs were lost at sea');
    expect(await ask('tongs')).toEqual([id]);
    await api.broker.forget.forget(coder, id);
    expect(await ask('tongs')).toEqual([]);
    expect(kept.answers.takeAll()).toBe(true);
  });

  it('know a revised memory by its new words alone', async () => {
    const id = await store('The mallet is made of oak');
    expect(await ask('mallet')).toEqual([id]);
    await api.broker.revise.revise(coder, { id, expectedVersion: 1, content: 'The hammer is made of ash' });
    expect(await ask('mallet')).toEqual([]);
    expect(await ask('oak')).toEqual([]);
    expect(await ask('hammer')).toEqual([id]);
    expect(kept.answers.takeAll()).toBe(true);
  });

  it('are searched in advance, and once more where they have changed; in advance again when they have stood still', async () => {
    const counted = () => ({ foreseen: kept.answers.foreseen, mistaken: kept.answers.mistaken });
    await ask('forge');
    expect(counted()).toEqual({ foreseen: 1, mistaken: 0 });
    for (const [nth, word] of ['awl', 'adze', 'vice'].entries()) {
      const id = await store(`The ${word} was bought in the year ${nth}`);
      expect(await ask(word)).toEqual([id]);
      expect(counted()).toEqual({ foreseen: 2, mistaken: 1 });
    }
    await ask('forge');
    expect(counted()).toEqual({ foreseen: 2, mistaken: 1 });
    await ask('forge');
    expect(counted()).toEqual({ foreseen: 3, mistaken: 1 });
  });

  it('let go of what expires, and give what is to hold, when its time has come and nothing is written', async () => {
    const soon = () => new Date(Date.now() + 700);
    const ending = await store('The rivets are still warm', { expiresAt: soon() });
    const beginning = await store('The rivets will have been cooled', { validFrom: soon() });
    expect(await ask('rivets')).toEqual([ending]);
    await pause(720);
    expect(await ask('rivets')).toEqual([beginning]);
    expect(kept.answers.takeAll()).toBe(true);
  });

  it('are read anew where one memory changed so often that most of what is kept is empty', async () => {
    const id = await store('The grindstone turns');
    const pages = async () => {
      for (let i = 0; i < 230; i++) {
        await api.broker.database.maintenance('update memory set labels = array[$2] where memory_id = $1', [
          id,
          `${i}`,
        ]);
        expect(await ask('grindstone')).toEqual([id]);
      }
    };
    await pages();
    expect(kept.answers.asked - kept.answers.answered).toBeGreaterThan(0);
    await kept.terms.settled();
    kept.answers.takeAll();
    expect(await ask('grindstone')).toEqual([id]);
    expect(kept.answers.takeAll()).toBe(true);
  });

  it('are not read again and again for what a restore brought from a server that had counted further', async () => {
    const id = await store('The foundry was restored');
    await api.broker.database.maintenance(`update memory set touched = '900000000000' where memory_id = $1`, [id]);
    await api.broker.database.maintenance(`update memory set labels = labels where content like 'The anvil%'`);
    const { terms, recall, answers } = keeping(50_000);
    await found(recall, 'foundry');
    await terms.settled();
    answers.takeAll();
    for (let i = 0; i < 2; i++) expect(await found(recall, 'foundry')).toEqual([id]);
    expect(answers.takeAll()).toBe(true);
    await api.broker.forget.forget(coder, id);
    expect(await found(recall, 'foundry')).toEqual([]);
  });

  it('leave more than a thousand changes to the database, and are there again when the pool was read once more', async () => {
    await storeMany(1_100, 'The nail has the number');
    const last = await store('The very last nail of them');
    expect(await ask('last')).toEqual([last]);
    // In haste, and then again.
    expect(kept.answers).toMatchObject({ asked: 2, answered: 0 });
    await kept.terms.settled();
    kept.answers.takeAll();
    expect(await ask('last')).toEqual([last]);
    expect(await ask('number 1099')).toHaveLength(10);
    expect(kept.answers.takeAll()).toBe(true);
  });
});

describe('a capacity', () => {
  it.each([0, 2])('of %d memories leaves a larger pool to the database, which answers as before', async (capacity) => {
    const { terms, recall, answers } = keeping(capacity);
    const id = await store(`The crucible number ${capacity} glows`);
    for (let i = 0; i < 3; i++) {
      expect(await found(recall, `crucible number ${capacity} glows`)).toContain(id);
      await terms.settled();
    }
    expect(answers).toMatchObject({ asked: 3, answered: 0 });
  });

  it('is held also where a pool outgrows it afterwards', async () => {
    const { rows } = await api.broker.database.maintenance<{ n: number }>(
      `select memories as n from pool where key = 'coder'`,
    );
    const { terms, recall, answers, letGo } = keeping((rows[0]?.n ?? 0) + 50);
    await found(recall, 'crucible');
    await terms.settled();
    expect(await found(recall, 'crucible')).not.toEqual([]);
    expect(answers).toMatchObject({ asked: 2, answered: 1 });
    expect(letGo).not.toHaveBeenCalled();
    await storeMany(100, 'The ember of the coal number');
    for (let i = 0; i < 3; i++) {
      expect(await found(recall, 'ember')).toHaveLength(10);
      await terms.settled();
    }
    // The first of the three in haste, and then again.
    expect(answers).toMatchObject({ asked: 6, answered: 2 });
    // The room of its vectors too.
    expect(letGo).toHaveBeenCalledTimes(1);
  });

  it('refuses none of this with an error', () => expect(failures).toEqual([]));
});

describe('a hit that has changed since it was known', () => {
  const hidden = ['secret', ...Array.from({ length: 250 }, (_, n) => `nobody's ${n}`)];
  let ids: Record<'secret' | 'open', string>;
  beforeAll(async () => {
    await editPolicy(api.admin, (statements) => [
      ...statements,
      deny('coder', ['READ'], ['coder'], { where: { entityId: { in: hidden } } }),
    ]);
    const [secret, open] = [
      await store('The vault', { entityId: 'secret' }),
      await store('The yard', { entityId: 'yard' }),
    ];
    ids = { secret, open };
  });

  /** @param entities as they were known */
  const read = (entities: Record<'secret' | 'open', string | null>) =>
    api.broker.access.read(coder, async (unit, { readFilter, pools }) => {
      const scope = { orgId: coder.orgId, filter: readFilter, now: new Date(), space: null };
      const poolId = pools.find(({ key }) => key === 'coder')?.id as string;
      const hits = (['secret', 'open'] as const).map((name): Placed => {
        const id = ids[name];
        const known = { id, poolId, entityId: entities[name], status: 'ACTIVE', labels: [] } as unknown as MemoryRow;
        return { id, poolId, score: 1, known };
      });
      return (await readHits(unit, scope, hits)).map(({ id }) => id);
    });

  it.each([
    ['nothing', { secret: 'secret', open: 'yard' }],
    ['its entity, which may be seen, to one that may not', { secret: 'garden', open: 'yard' }],
    ['its entity, from none to one that may not be seen', { secret: null, open: 'yard' }],
    ['its entity, which may not be seen, to one that may', { secret: 'secret', open: "nobody's 7" }],
    ['its entity, from none', { secret: 'secret', open: null }],
  ])('is seen or not by what it is: %s', async (_, entities) => {
    expect(await read(entities)).toEqual([ids.open]);
  });
});
