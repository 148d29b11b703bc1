import { CommonplaceClient, type FeedEvent } from '#client';
import { expect, it } from '@jest/globals';
import WebSocket from 'ws';
import { registerAgent } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { memorize } from '../support/memories.js';

const BEFORE = 20;

it('the feed of the client goes on by itself when the broker was killed and is there again: nothing is lost, nothing comes twice', async () => {
  const store = await newStore();
  const first = await BrokerProcess.start(store);
  const agent = await registerAgent(first.client, 'coder');
  const client = new CommonplaceClient({ url: first.url, key: agent.key, webSocket: WebSocket });
  const { feedCursor } = await client.request<{ feedCursor: string }>('{ feedCursor }');
  const events: FeedEvent[] = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const event of client.feed({ after: feedCursor, signal: stop.signal })) {
      events.push(event);
      if (event.memory?.content === 'the last') break;
    }
  })();
  for (let n = 0; n < BEFORE; n++) await memorize(agent, { content: `before ${n}` });
  await first.kill();
  const again = await BrokerProcess.start({ ...store, PORT: new URL(first.url).port });
  const there = again.client.as(agent.key);
  await memorize(there, { content: 'after' });
  await memorize(there, { content: 'the last' });
  const late = setTimeout(() => stop.abort(), 40_000);
  await reading;
  clearTimeout(late);
  const told = events.filter(({ kind }) => kind === 'MEMORIZED').map(({ memory }) => memory?.content);
  expect(told).toEqual([...Array.from({ length: BEFORE }, (_, n) => `before ${n}`), 'after', 'the last']);
});

it('the feed of the client waits for a broker that is away when it begins', async () => {
  const store = await newStore();
  const first = await BrokerProcess.start(store);
  const agent = await registerAgent(first.client, 'coder');
  await first.kill();
  const client = new CommonplaceClient({ url: first.url, key: agent.key, webSocket: WebSocket });
  const next = client.feed().next();
  const again = await BrokerProcess.start({ ...store, PORT: new URL(first.url).port });
  const there = again.client.as(agent.key);
  let told: FeedEvent | undefined;
  void next.then(({ value }) => (told = value as FeedEvent));
  // It takes its place when it is through; what is written before that is not told.
  for (let n = 0; n < 200 && !told; n++) {
    await memorize(there, { content: `number ${n}` });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(told?.kind).toBe('MEMORIZED');
});
