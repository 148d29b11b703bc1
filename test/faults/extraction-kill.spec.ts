import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { registerAgent, TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { ChatServer } from '../support/chat-server.js';
import { converse, said, settled, suggesting } from '../support/conversations.js';
import { isNative } from '../support/database.js';
import { eventually } from '../support/doorbells.js';

let server: ChatServer;
beforeAll(async () => {
  server = await ChatServer.start();
});
afterAll(() => server.close());

/** On native Postgres another broker might be at it: it is given the time that a job has, which here is over at once. */
async function letTimePass(url: string | undefined): Promise<void> {
  if (!isNative) return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      `update job.job set started_on = started_on - interval '10 minutes' where name = 'extract' and state = 'active'`,
    );
    expect(rowCount).toBe(1);
    // As a broker with other settings, or of an older version, has left it.
    await client.query(`update job.queue set expire_seconds = 900 where name = 'extract'`);
  } finally {
    await client.end();
  }
}

async function secondsOfAJob(url: string | undefined): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const text = `select expire_seconds as seconds from job.queue where name = 'extract'`;
    return (await client.query<{ seconds: number }>(text)).rows[0]?.seconds;
  } finally {
    await client.end();
  }
}

describe('a broker that is killed while the model reads a conversation', () => {
  it('has it read again after the next start, and learns each part once', async () => {
    const env: NodeJS.ProcessEnv = { ...(await newStore()), ...server.env, LLM_TIMEOUT_MS: '60000' };
    const first = await BrokerProcess.start(env);
    const coder = await registerAgent(first.client, 'coder');
    server.reply = (request) => {
      if (server.requests.length > 1) server.fail('never answers');
      return suggesting({ content: 'Of the first part.', of: 'first' })(request);
    };
    const messages = ['first', 'second'].map((part) => said('USER', `${part} ${'of a long talk '.repeat(1_500)}`));
    const { extraction } = await converse(coder, messages);
    await eventually(() => server.requests.length === 2);
    await first.kill();
    await letTimePass(env['DATABASE_URL']);

    server.fail(null);
    server.reply = suggesting({ content: 'Of the second part.', of: 'second' });
    const second = await BrokerProcess.start(env);
    const done = await settled(new TestClient(second.url, coder.key), extraction.id);
    expect(done).toMatchObject({ status: 'SUCCEEDED', turnsRead: 2, attempts: 0 });
    expect(done.derived.map(({ content }) => content)).toEqual(['Of the first part.', 'Of the second part.']);
    expect(server.requests).toHaveLength(3);
    if (isNative) expect(await secondsOfAJob(env['DATABASE_URL'])).toBe(270);
    await second.kill();
  });
});
