import { Database } from '#platform';
import { afterAll, describe, expect, it } from '@jest/globals';
import { registerAgent, TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { isNative, nativeOnly } from '../support/database.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';
import { activePolicy, deny, editPolicy } from '../support/policy.js';

const ROUNDS = 15;
const itOnNative = isNative ? it : it.skip;

let writing = true;
afterAll(() => {
  writing = false;
});

/** Writes as fast as it can, and says in each memory in which round its writing began. */
async function writeOn(writer: TestClient, name: string, round: () => string): Promise<void> {
  for (let nth = 0; writing; nth++) {
    const content = `${name} ${nth} in ${round()}`;
    await memorize(writer, { content, pool: nth % 2 ? 'planner' : 'shared' });
  }
}

describe('a right that is taken while everybody writes', () => {
  itOnNative(
    nativeOnly('is taken from every subscriber of every replica: nothing that is written afterwards is told'),
    async () => {
      const store = await newStore();
      const first = await BrokerProcess.start(store);
      const second = await BrokerProcess.start(store);
      const [planner, coder] = [
        await registerAgent(first.client, 'planner'),
        await registerAgent(first.client, 'coder'),
      ];
      const defaults = (await activePolicy(first.client)).statements;
      // A pool that is younger than a minute is told from its first event, when it is gained.
      const database = await Database.open({ url: store['DATABASE_URL'] as string, entities: [], migrations: [] });
      await database.maintenance(`update pool set created_at = created_at - interval '1 hour'`);
      await database.maintenance('update policy_head set directory_version = directory_version + 1');
      await database.close();
      const replicas = [first, first, second, second];
      const feeds = await Promise.all(replicas.map(({ url }) => FeedReader.fromNow(new TestClient(url, coder.key))));
      let round = 'allowed 0';
      const writers = replicas.map(({ url }, nth) =>
        writeOn(new TestClient(url, planner.key), `writer ${nth}`, () => round),
      );
      for (let nth = 1; nth <= ROUNDS; nth++) {
        await editPolicy(first.client, () => [...defaults, deny('coder', ['READ'], ['planner'])]);
        // Acknowledged: what begins to be written from here on is not for the coder.
        round = `denied ${nth}`;
        await Promise.all(feeds.map((feed) => toldInShared(feed, round)));
        round = `between ${nth}`;
        await editPolicy(second.client, () => defaults);
        round = `allowed ${nth}`;
        await Promise.all(feeds.map((feed) => toldOf(feed, 'planner', round)));
      }
      writing = false;
      await Promise.all(writers);
      for (const feed of feeds) {
        const ofPlanner = feed.events.filter(({ poolKey }) => poolKey === 'planner');
        expect(ofPlanner.filter(({ memory }) => memory?.content?.includes('denied'))).toEqual([]);
        expect(feed.events.filter(({ kind }) => kind === 'SCOPE_CHANGED')).toHaveLength(2 * ROUNDS);
        expect(feed.failures).toEqual([]);
        await feed.close();
      }
    },
  );
});

const toldInShared = (feed: FeedReader, round: string) => toldOf(feed, 'shared', round);
const toldOf = (feed: FeedReader, pool: string, round: string) =>
  feed.until(({ poolKey, memory }) => poolKey === pool && (memory?.content ?? '').endsWith(round));
