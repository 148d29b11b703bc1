import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError, type BrokerClient } from '../broker-client.js';
import { FEED_CURSOR, type FeedEvent } from './documents.js';
import { FeedWatch, settle, unheard } from './feed-watch.js';
import { type Member } from './team.js';

const event = (id: string, poolKey: string | null, kind = 'MEMORIZED'): FeedEvent => ({
  id,
  kind,
  memory: null,
  memoryId: `memory-${id}`,
  poolKey,
});

/** A member whose feed is the given events, and then an end or a failure. */
function member(events: FeedEvent[], end?: Error): Member {
  const client = {
    request: (document: string) => Promise.resolve(document === FEED_CURSOR ? { feedCursor: 'here' } : {}),
    async *subscribe() {
      for (const memoryFeed of events) yield { memoryFeed };
      await sleep(1);
      if (end) throw end;
    },
    close: () => Promise.resolve(),
  } as unknown as BrokerClient;
  return { role: 'tester', name: 'demo', id: '1', keyId: '1', client, readable: new Set(['shared', 'tester']) };
}

describe('watching the feed', () => {
  it('counts an event once, and no checkpoints', async () => {
    const watch = await FeedWatch.open(
      member([event('1', 'shared'), event('2', null, 'CHECKPOINT'), event('1', 'shared'), event('3', 'tester')]),
    );
    await sleep(20);
    expect(watch.events.map(({ id }) => id)).toEqual(['1', '3']);
  });

  it('finds what must not be there, and what is missing of the pools that may be read', async () => {
    const watch = await FeedWatch.open(member([event('1', 'shared'), event('2', 'planner')]));
    const changed = new Map([
      ['memory-1', 'shared'],
      ['memory-3', 'tester'],
      ['memory-4', 'planner'],
    ]);
    await sleep(20);
    expect(watch.foreign().map(({ id }) => id)).toEqual(['2']);
    expect(unheard(watch, changed)).toEqual(['memory-3']);
  });

  it('does not wait for a feed that has ended, and says why it did', async () => {
    const watch = await FeedWatch.open(member([], new BrokerError('ACCESS_REVOKED', 'the key was revoked')));
    await sleep(20);
    await settle([watch], new Map([['memory-1', 'shared']]));
    expect(watch.problem).toBe('ACCESS_REVOKED: the key was revoked');
  });
});
