import { Database } from '#platform';
import { afterAll, describe, expect } from '@jest/globals';
import { registerAgent, TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { nativeOnly, itOnNative } from '../support/database.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';
import { activePolicy, allow, deny, editPolicy } from '../support/policy.js';

const ROUNDS = 10;

let writing = true;
let passing = true;
/** Of each writer, the round in which it began what it is writing. */
const underWay = new Map<string, string>();
afterAll(() => {
  passing = false;
  writing = false;
});

/** Writes as fast as it can, and says in each memory in which round its writing began. */
async function writeOn(writer: TestClient, name: string, round: () => string): Promise<void> {
  for (let nth = 0; writing; nth++) {
    underWay.set(name, round());
    const content = `${name} ${nth} in ${round()}`;
    await memorize(writer, { content, pool: nth % 2 ? 'planner' : 'shared' });
  }
}

async function comeAndGo(client: TestClient, pools: string[]): Promise<void> {
  while (passing) {
    const feed = await FeedReader.fromNow(client, { pools });
    await feed.until(({ memoryId }) => memoryId !== null);
    await feed.close();
  }
}

describe('a right that is taken while everybody writes', () => {
  itOnNative(
    nativeOnly('is taken from every subscriber of every replica: nothing that is written afterwards is told'),
    async () => {
      const store = await newStore();
      const first = await BrokerProcess.start(store);
      const second = await BrokerProcess.start(store);
      const [planner, coder, tester] = [
        await registerAgent(first.client, 'planner'),
        await registerAgent(first.client, 'coder'),
        await registerAgent(first.client, 'tester'),
      ];
      // Of these two pools coders and testers see the same, so they are told together until one of them loses a right.
      const pools = ['planner', 'shared'];
      await editPolicy(first.client, (before) => [...before, allow('tester', ['READ'], ['planner'])]);
      const defaults = (await activePolicy(first.client)).statements;
      // A pool that is younger than a minute is told from its first event, when it is gained.
      const database = await Database.open({ url: store['DATABASE_URL'] as string, entities: [], migrations: [] });
      await database.maintenance(`update pool set created_at = created_at - interval '1 hour'`);
      await database.maintenance('update policy_head set directory_version = directory_version + 1');
      await database.close();
      const replicas = [first, first, second, second];
      const open = (key: string) =>
        Promise.all(replicas.map(({ url }) => FeedReader.fromNow(new TestClient(url, key), { pools })));
      const [feeds, keeping] = [await open(coder.key), await open(tester.key)];
      let round = 'allowed 0';
      const writers = replicas.map(({ url }, nth) =>
        writeOn(new TestClient(url, planner.key), `writer ${nth}`, () => round),
      );
      // Others come and go meanwhile, with whatever access is the newest.
      const passers = replicas.map(({ url }) => comeAndGo(new TestClient(url, tester.key), pools));
      const rounds = async () => {
        for (let nth = 1; nth <= ROUNDS; nth++) {
          await editPolicy(first.client, () => [...defaults, deny('coder', ['READ'], ['planner'])]);
          // Acknowledged: what begins to be written from here on is not for the coder.
          round = `denied ${nth}`;
          await Promise.all([...feeds, ...keeping].map((feed) => toldOf(feed, 'shared', round)));
          await Promise.all(keeping.map((feed) => toldOf(feed, 'planner', round)));
          round = `between ${nth}`;
          // What was begun before is committed before, too: it would be told rightly behind the next edit.
          while (writing && [...underWay.values()].some((begun) => begun !== round)) await new Promise(setImmediate);
          await editPolicy(second.client, () => defaults);
          round = `allowed ${nth}`;
          await Promise.all(feeds.map((feed) => toldOf(feed, 'planner', round)));
        }
        // Who has only come waits for something to be written.
        passing = false;
        await Promise.all(passers);
        writing = false;
      };
      // All together: where a writer fails, the rounds would wait for it for ever.
      await Promise.all([rounds(), ...writers, ...passers]);
      for (const feed of feeds) {
        const ofPlanner = feed.events.filter(({ poolKey }) => poolKey === 'planner');
        expect(ofPlanner.filter(({ memory }) => memory?.content?.includes('denied'))).toEqual([]);
        expect(feed.events.filter(({ kind }) => kind === 'SCOPE_CHANGED')).toHaveLength(2 * ROUNDS);
      }
      for (const feed of keeping) expect(feed.events.filter(({ kind }) => kind === 'SCOPE_CHANGED')).toEqual([]);
      for (const feed of [...feeds, ...keeping]) {
        expect(feed.failures).toEqual([]);
        await feed.close();
      }
    },
    180_000,
  );
});

const toldOf = (feed: FeedReader, pool: string, round: string) =>
  feed.until(({ poolKey, memory }) => poolKey === pool && (memory?.content ?? '').endsWith(round));
