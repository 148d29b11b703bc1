import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { ChatServer } from '../support/chat-server.js';
import { converse, said, settled, suggesting } from '../support/conversations.js';
import { EmbeddingServer } from '../support/embedding-server.js';
import { FeedReader } from '../support/feed.js';
import { MEMORIZE, memorize, recall } from '../support/memories.js';
import { FORGET, REVISE } from '../support/world.js';

let embedder: EmbeddingServer;
let model: ChatServer;
let api: TestApi;
let coder: TestClient & { id: string };

beforeAll(async () => {
  embedder = await EmbeddingServer.start();
  model = await ChatServer.start();
  model.embedder = embedder;
  api = await startTestApi({ ...embedder.env, ...model.env });
  coder = await api.agent('coder');
});
afterAll(async () => {
  await api.close();
  await embedder.close();
  await model.close();
});

interface Receipt {
  at: string;
  ids: string[];
  derived: number;
  revisions: number;
  vectors: number;
  digest: string;
}
const ERASE = `mutation ($input: EraseInput!) { erase(input: $input) { at ids derived revisions vectors digest } }`;
const erase = async (client: TestClient, input: object): Promise<Receipt> =>
  (await client.ask<{ erase: Receipt }>(ERASE, { input })).erase;
const refusal = async (client: TestClient, input: object) => (await client.send(ERASE, { input })).errors?.[0];
const statusOf = async (id: string) =>
  (await api.broker.database.maintenance<{ status: string }>('select status from memory where memory_id = $1', [id]))
    .rows[0]?.status;

/** Every table and every column of the database that holds the word, as text. */
async function placesOf(word: string): Promise<string[]> {
  const { database } = api.broker;
  const { rows } = await database.maintenance<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname in ('public', 'job')`,
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const text = `select 1 as one from ${name} t where t::text like '%' || $1 || '%' limit 1`;
    if ((await database.maintenance(text, [word])).rows.length) found.push(name);
  }
  return found;
}

describe('a memory that is erased', () => {
  it('is nowhere any more: not its words, vectors or versions, nor the hash of them, nor what was made of it', async () => {
    const input = {
      content: 'Jasper is zqjasper',
      type: 'DECLARATIVE',
      idempotencyKey: 'jasper',
      metadata: { a: 'zqjasper' },
    };
    const id = await memorize(coder, input);
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'Jasper was zqjasper' } });
    const child = await memorize(coder, { content: 'A summary with zqjasper', derivedFrom: [id] });
    const grandchild = await memorize(coder, {
      content: 'A plan with zqjasper',
      derivedFrom: [child],
      type: 'PROCEDURAL',
    });
    await recall(coder, 'zqjasper');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await placesOf('zqjasper')).toEqual(expect.arrayContaining(['public.memory', 'public.memory_revision']));
    const hash = await hashOf('jasper');
    const receipt = await erase(coder, { id, reason: 'asked to' });
    expect(receipt.ids).toEqual([id, child, grandchild].sort());
    expect(receipt).toMatchObject({ derived: 2, revisions: 1, vectors: 3 });
    expect(await placesOf('zqjasper')).toEqual([]);
    for (const table of ['memory_vector', 'memory_revision', 'memory_usage'])
      expect({ table, left: await left(table, receipt.ids) }).toEqual({ table, left: 0 });
    expect(await hashOf('jasper')).not.toEqual(hash);
    expect((await recall(coder, 'zqjasper summary plan')).hits.map(({ memory }) => memory.id)).toEqual([]);
  });

  it('stays erased when the request that stored it is sent again', async () => {
    const input = { content: 'Kyanite is zqkyanite', type: 'DECLARATIVE', idempotencyKey: 'kyanite' };
    const id = await memorize(coder, input);
    await erase(coder, { id });
    expect(await coder.code(MEMORIZE, { input })).toBe('CONFLICT');
    expect(await placesOf('zqkyanite')).toEqual([]);
  });

  it('leaves a tombstone, an event for whoever saw it, and an entry in the audit log with the digest of the receipt', async () => {
    const id = await memorize(coder, { content: 'Larimar' });
    const feed = await FeedReader.fromNow(coder);
    const receipt = await erase(coder, { id });
    const event = (await feed.until(({ memoryId }) => memoryId === id)).at(-1);
    await feed.close();
    expect(event).toMatchObject({ kind: 'FORGOTTEN', memory: null });
    expect(await statusOf(id)).toBe('FORGOTTEN');
    expect(receipt.digest).toBe(createHash('sha256').update(receipt.ids.join('\n')).digest('hex'));
    type Log = { auditLog: { nodes: { action: string; target: string; detail: Record<string, unknown> }[] } };
    const { auditLog } = await api.admin.ask<Log>('{ auditLog(first: 1) { nodes { action target detail } } }');
    expect(auditLog.nodes[0]).toMatchObject({
      action: 'memory.erase',
      target: id,
      detail: { memories: 1, derived: 0, digest: receipt.digest },
    });
  });

  it('takes along what was learnt from a conversation', async () => {
    model.reply = suggesting({ content: 'Marble is zqmarble.', of: 'marble' });
    const { results, extraction } = await converse(coder, [said('USER', 'I say marble is zqmarble')]);
    const { derived } = await settled(coder, extraction.id);
    const receipt = await erase(coder, { id: results[0]?.memory.id });
    expect(receipt.ids).toContain(derived[0]?.id);
    expect(await placesOf('zqmarble')).toEqual([]);
  });

  it('that was only forgotten before takes along what was made of it', async () => {
    const id = await memorize(coder, { content: 'Nephrite' });
    const child = await memorize(coder, { content: 'Of nephrite: zqnephrite', derivedFrom: [id] });
    await coder.ask(FORGET, { id });
    expect(await erase(coder, { id })).toMatchObject({ ids: [child], derived: 1 });
    expect(await erase(coder, { id })).toMatchObject({ ids: [], derived: 0, revisions: 0, vectors: 0 });
  });
});

/** What is stored only once the model has answered was made of what was erased meanwhile; it used to be stored all the same. */
describe('what is under way while a memory is erased', () => {
  it('is not learnt from it any more', async () => {
    const open = model.hold();
    model.reply = (request) => {
      const isShown = request.messages.some(({ content }) => content.includes('malachite'));
      const told = isShown ? [{ content: 'Malachite is zqlate.', of: 'malachite' }] : [];
      return suggesting(...told, { content: 'It rains.', of: 'rain' })(request);
    };
    const messages = [said('USER', 'I say malachite is zqlate'), said('USER', 'And there is rain')];
    const { results, extraction } = await converse(coder, messages);
    await model.asked();
    await erase(coder, { id: results[0]?.memory.id });
    open();
    const done = await settled(coder, extraction.id);
    expect(done).toMatchObject({ status: 'SUCCEEDED', refused: 0, derived: [{ content: 'It rains.' }] });
    expect(await placesOf('zqlate')).toEqual([]);
  });

  it('is not shown to the model with the next part of its conversation', async () => {
    const open = model.hold();
    model.reply = suggesting();
    const messages = ['zqfirst', 'zqsecond'].map((word) => said('USER', `${word} ${'of a long talk '.repeat(1_500)}`));
    const { results, extraction } = await converse(coder, messages);
    await model.asked();
    const before = model.requests.length;
    await erase(coder, { id: results[1]?.memory.id });
    open();
    expect(await settled(coder, extraction.id)).toMatchObject({ status: 'SUCCEEDED', turnsRead: 2 });
    expect(JSON.stringify(model.requests.slice(before - 1))).toContain('zqfirst');
    expect(JSON.stringify(model.requests)).not.toContain('zqsecond');
  });

  it('is not kept as an answer that was made of it', async () => {
    const id = await memorize(coder, { content: 'Moonstone needs zqmoon', type: 'PROCEDURAL' });
    const open = model.hold();
    model.reply = () => 'Take zqmoon.';
    const query = `mutation { complete(input: {task: "What does moonstone need?", rememberAnswer: true}) { text notRemembered
      remembered { outcome } } }`;
    const answer = coder.ask<{ complete: object }>(query);
    await model.asked();
    await erase(coder, { id });
    open();
    const { complete } = await answer;
    expect(complete).toEqual({
      text: 'Take zqmoon.',
      remembered: null,
      notRemembered: expect.stringMatching(/forgotten/),
    });
    expect(await placesOf('zqmoon')).toEqual([]);
  });

  it('is refused as a source like one that is not there', async () => {
    const id = await memorize(coder, { content: 'Morganite' });
    await coder.ask(FORGET, { id });
    const refused = async (source: string) => {
      const input = { content: 'Of morganite', type: 'EPISODIC', derivedFrom: [source] };
      return (await coder.send(MEMORIZE, { input })).errors;
    };
    const errors = await refused(id);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_INPUT', field: 'input.derivedFrom.0' });
    expect(errors).toEqual(await refused('01990000-0000-7000-8000-000000000000'));
  });
});

describe('all of an entity', () => {
  it('is erased at once, of whatever status and time, and nothing else', async () => {
    const about = { entityId: 'opaline' };
    const gone = [
      await memorize(coder, { content: 'Opaline one', ...about }),
      await memorize(coder, { content: 'Opaline two', type: 'PROCEDURAL', ...about }),
      await memorize(coder, { content: 'Opaline for a while', ...about, expiresAt: new Date(Date.now() + 1_000) }),
    ];
    const other = await memorize(coder, { content: 'Opaline three', entityId: 'opaline-2' });
    await api.broker.database.maintenance(`update memory set status = 'SUPERSEDED' where memory_id = $1`, [gone[1]]);
    await api.broker.database.maintenance(`update pool set memories = memories - 1 where key = 'coder'`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const receipt = await erase(coder, { entityId: 'opaline' });
    expect(receipt.ids).toEqual([...gone].sort());
    expect(await statusOf(other)).toBe('ACTIVE');
    const counts = await api.broker.database.maintenance<{ memories: number; there: number }>(
      `select memories, (select count(*)::integer from memory m where m.pool_id = p.pool_id and m.status = 'ACTIVE') as there
       from pool p where key = 'coder'`,
    );
    expect(counts.rows[0]?.memories).toBe(counts.rows[0]?.there);
  });

  it('is named by one of id and entityId', async () => {
    const id = '01990000-0000-7000-8000-000000000000';
    for (const input of [{}, { id, entityId: 'x' }, { id: 'x' }, { entityId: '' }])
      expect((await refusal(coder, input))?.extensions.code).toBe('BAD_INPUT');
  });
});

async function hashOf(key: string): Promise<string | undefined> {
  const text = `select encode(input_hash, 'hex') as hash from idempotency where key = $1`;
  return (await api.broker.database.maintenance<{ hash: string }>(text, [key])).rows[0]?.hash;
}

async function left(table: string, ids: string[]): Promise<number> {
  const text = `select 1 as one from ${table} where memory_id = any($1::uuid[])`;
  return (await api.broker.database.maintenance(text, [ids])).rows.length;
}
