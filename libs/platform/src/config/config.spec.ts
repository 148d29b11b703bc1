import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.js';

describe('the configuration of the doorbell', () => {
  it('listens where the database is, unless it is told another way past a pooler', () => {
    expect(readConfig({ DATABASE_URL: 'postgres://pooler/memories' }).doorbell.listenUrl).toBe(
      'postgres://pooler/memories',
    );
    const both = { DATABASE_URL: 'postgres://pooler/memories', DATABASE_LISTEN_URL: 'postgres://server/memories' };
    expect(readConfig(both).doorbell.listenUrl).toBe('postgres://server/memories');
    expect(readConfig({}).doorbell).toEqual({ listenUrl: undefined, natsUrl: undefined });
  });

  it.each(['nats://one:4222', 'tls://one', 'nats://me:p%40ss@one:4222, nats://two:4222', 'nats://s3cret@[::1]:4222'])(
    'takes %s',
    (url) => {
      expect(readConfig({ NATS_URL: url }).doorbell.natsUrl).toBe(url);
    },
  );

  it.each(['one:4222', 'http://s3cret@one', 'nats://', 'nats://s3cret@', 'nats://s3cret%zz@one', 'nats://s3cret@one,'])(
    'refuses %s, and does not repeat it',
    (url) => {
      const read = () => readConfig({ NATS_URL: url });
      expect(read).toThrow(/^NATS_URL: must be a URL/);
      expect(read).not.toThrow(/s3cret/);
    },
  );
});

describe('how much recall keeps in memory', () => {
  it('is 50,000 memories, or another number, or none', () => {
    expect(readConfig({}).recall.keptMemories).toBe(50_000);
    expect(readConfig({ RECALL_KEPT_MEMORIES: '0' }).recall.keptMemories).toBe(0);
    for (const wrong of ['-1', '1.5', 'all'])
      expect(() => readConfig({ RECALL_KEPT_MEMORIES: wrong })).toThrow(/^RECALL_KEPT_MEMORIES/);
  });

  it('is 128 megabytes of vectors, or another number up to what one memory of WebAssembly holds, or none', () => {
    expect(readConfig({}).recall.keptVectorsMb).toBe(128);
    expect(readConfig({ RECALL_KEPT_VECTORS_MB: '0' }).recall.keptVectorsMb).toBe(0);
    for (const wrong of ['-1', '1.5', '4001'])
      expect(() => readConfig({ RECALL_KEPT_VECTORS_MB: wrong })).toThrow(/^RECALL_KEPT_VECTORS_MB/);
  });
});

describe('the days for which the log is kept', () => {
  it('are seven, or as many whole days as one likes', () => {
    expect(readConfig({}).feed.retentionDays).toBe(7);
    expect(readConfig({ FEED_RETENTION_DAYS: '1' }).feed.retentionDays).toBe(1);
    for (const wrong of ['0', '-1', '1.5', 'week'])
      expect(() => readConfig({ FEED_RETENTION_DAYS: wrong })).toThrow(/^FEED_RETENTION_DAYS/);
  });
});

describe('the hosts that webhooks may reach', () => {
  it('are none, or as a URL names them', () => {
    expect(readConfig({}).webhooks.allowedHosts).toEqual([]);
    const given = readConfig({ WEBHOOK_ALLOWED_HOSTS: 'Inside.test, 10.0.0.7:8080,[::1]:80' });
    expect(given.webhooks.allowedHosts).toEqual(['inside.test', '10.0.0.7:8080', '[::1]:80']);
    for (const wrong of ['http://inside.test', 'inside.test/path', 'me@inside.test', 'a b', '*.test:x', '10.0.0.0/8'])
      expect(() => readConfig({ WEBHOOK_ALLOWED_HOSTS: wrong })).toThrow(/^WEBHOOK_ALLOWED_HOSTS: must be hosts/);
  });
});

describe('where clients reach the broker', () => {
  it('is an origin: of one with a path only the host was told, which may be somebody else', () => {
    for (const url of ['https://memory.example.com', 'http://127.0.0.1:8080/'])
      expect(readConfig({ PUBLIC_URL: url }).http.publicUrl).toBe(url);
    for (const wrong of ['https://example.com/commonplace', 'https://example.com/?a', 'example.com', 'ftp://x'])
      expect(() => readConfig({ PUBLIC_URL: wrong })).toThrow(/^PUBLIC_URL: must be/);
  });
});
