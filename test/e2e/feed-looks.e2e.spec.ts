import { CommonplaceError } from '#kernel';
import { afterAll, afterEach, beforeAll, describe, it, jest } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';

let api: TestApi;
let planner: TestClient;
let coder: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  coder = await api.agent('coder');
});
afterAll(() => api.close());
afterEach(() => void jest.restoreAllMocks());

describe('subscribers that are found by a look at the pools', () => {
  // More than are read for without a look.
  const seen = [['shared'], ['coder'], ['planner'], ['shared', 'coder'], ['shared', 'planner']];

  const openAll = async (content: string) => {
    const feeds = await Promise.all(seen.map((pools) => FeedReader.fromNow(coder, { pools })));
    for (const [writer, pool] of [
      [planner, 'shared'],
      [planner, 'planner'],
      [coder, 'coder'],
    ] as const)
      await memorize(writer, { content, pool });
    await Promise.all(feeds.map((feed) => feed.until(({ memoryId }) => memoryId !== null)));
    return feeds as [FeedReader, FeedReader, FeedReader, FeedReader, FeedReader];
  };

  it('are told of what was written while their access could not be asked for, as soon as it can', async () => {
    const feeds = await openAll('before');
    const admit = jest
      .spyOn(api.broker.access, 'admit')
      .mockRejectedValue(new CommonplaceError('UNAVAILABLE', 'Try again.', { retryAfterMs: 1 }));
    await api.broker.database.maintenance('update policy_head set directory_version = directory_version + 1');
    const written = await memorize(planner, { content: 'meanwhile', pool: 'shared' });
    const asked = admit.mock.calls.length;
    while (admit.mock.calls.length < asked + 3) await new Promise(setImmediate);
    admit.mockRestore();

    for (const feed of [feeds[0], feeds[3], feeds[4]]) await feed.until(({ memoryId }) => memoryId === written);
    await Promise.all(feeds.map((feed) => feed.close()));
  });

  it('are told of what was written before somebody came who stands behind it', async () => {
    const feeds = await openAll('before somebody came');
    jest.spyOn(api.broker.feed, 'wake').mockReturnValue();
    const written = await memorize(planner, { content: 'just before', pool: 'shared' });
    const late = await FeedReader.fromNow(coder, { pools: ['shared', 'coder', 'planner'] });

    await feeds[0].until(({ memoryId }) => memoryId === written);
    await Promise.all([...feeds, late].map((feed) => feed.close()));
  });
});
