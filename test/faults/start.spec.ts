import { assertWalls } from '#access';
import { Database } from '#platform';
import { describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { migrations } from '../../migrations/index.js';
import { ADMIN_KEY, registerAgent, TestClient } from '../support/api.js';
import { BrokerProcess, newStore, temporaryFolder } from '../support/broker-process.js';
import { createNativeDatabase, nativeOnly, openTestDatabase, itOnNative } from '../support/database.js';
import { EmbeddingServer } from '../support/embedding-server.js';

const ENDED = { code: 0, signal: null };
/** What the log says when the process ends although requests or the database have not. */
const CUT_OFF = 'draining took too long';
const REFUSED = { code: 1, signal: null };
const VIEWER = '{ viewer { role } }';

const openStore = (store: NodeJS.ProcessEnv) =>
  Database.open({ url: store['DATABASE_URL'], dataDir: store['DATA_DIR'], entities: [], migrations: [] });

/** @returns what the database answers, with no broker on it */
async function askStore(store: NodeJS.ProcessEnv, sql: string): Promise<Record<string, unknown>[]> {
  const database = await openStore(store);
  return database.maintenance(sql).then(
    ({ rows }) => database.close().then(() => rows),
    (error: unknown) => database.close().then(() => Promise.reject(error)),
  );
}

/** @returns the one line that a broker wrote instead of starting */
async function refusal(env: NodeJS.ProcessEnv): Promise<string> {
  const broker = BrokerProcess.spawn(env);
  expect({ ...(await broker.exited), stdout: broker.stdout }).toEqual({ ...REFUSED, stdout: '' });
  // An old pgvector is warned of, in a line of the log.
  const lines = broker.stderr.split('\n').filter((line) => line !== '' && !line.includes('pgvector'));
  expect(lines).toEqual([expect.stringMatching(/^commonplace: /)]);
  return lines[0] as string;
}

const keyIn = (text: string) => text.match(/cpl_\w+/g) ?? [];

describe('brokers that start at once on one empty database', () => {
  const counts = `select (select count(*) from organization) as organizations, (select count(*) from api_key) as keys,
    (select count(*) from policy) as policies, (select count(*) from pool) as pools,
    (select array_agg(name order by id) from migration) as migrations`;
  const once = {
    organizations: 1,
    keys: 1,
    policies: 1,
    pools: 5,
    migrations: migrations.map((migration) => new migration().name),
  };

  itOnNative(nativeOnly('are all ready, with one organisation, one admin and every migration once'), async () => {
    const DATABASE_URL = await createNativeDatabase('template0');
    const env = { DATABASE_URL, DATABASE_POOL_SIZE: '2', COMMONPLACE_BOOTSTRAP_KEY: undefined };
    const brokers = Array.from({ length: 20 }, () => BrokerProcess.spawn({ ...env, DATA_DIR: temporaryFolder() }));
    await Promise.all(brokers.map((broker) => broker.ready()));
    const keys = brokers.flatMap((broker) => keyIn(broker.stdout));
    expect(keys).toHaveLength(1);
    for (const { url } of brokers) {
      expect(await new TestClient(url, keys[0] as string).ask(VIEWER)).toEqual({ viewer: { role: 'admin' } });
    }
    expect(await Promise.all(brokers.map((broker) => broker.kill('SIGTERM')))).toEqual(brokers.map(() => ENDED));
    expect(await askStore({ DATABASE_URL }, counts)).toEqual([once]);
  });

  itOnNative(nativeOnly('with an embedder are all ready too, and share one queue'), async () => {
    const DATABASE_URL = await createNativeDatabase('template0');
    const embedder = { EMBEDDING_MODEL: 'test', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
    const env = { DATABASE_URL, DATABASE_POOL_SIZE: '3', ...embedder };
    const brokers = Array.from({ length: 8 }, () => BrokerProcess.spawn({ ...env, DATA_DIR: temporaryFolder() }));
    await Promise.all(brokers.map((broker) => broker.ready()));
    expect(await Promise.all(brokers.map((broker) => broker.kill('SIGTERM')))).toEqual(brokers.map(() => ENDED));
    expect(await askStore({ DATABASE_URL }, counts)).toEqual([once]);
    expect(await askStore({ DATABASE_URL }, `select name from job.queue where name = 'embed'`)).toHaveLength(1);
  });
});

describe('a start that cannot be', () => {
  it.each([
    ['PORT', 'seventy-thousand'],
    ['PORT', '70000'],
    ['DATABASE_URL', 'mysql://root:hunter2@127.0.0.1/x'],
    ['DATABASE_POOL_SIZE', '0'],
    ['COMMONPLACE_BOOTSTRAP_KEY', 'hunter2'],
    ['EMBEDDING_DIMENSIONS', 'hunter2'],
    ['OPENAI_BASE_URL', 'hunter2'],
    ['RATE_LIMIT_PER_MINUTE', '-1'],
    ['LOG_LEVEL', 'hunter2'],
    ['AUTH_JWT_JWKS_URL', 'https://example.org/hunter2'],
  ])('for a wrong %s is told in one line that names it and not its value', async (name, value) => {
    const line = await refusal({ DATA_DIR: temporaryFolder(), [name]: value });
    expect(line).toMatch(new RegExp(`\\b${name}\\b`));
    expect(line).not.toContain(value);
    expect(line).not.toContain('hunter2');
  });

  it('on a taken port is told in one line that names the port', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const line = await refusal({ ...(await newStore()), PORT: String(port) });
    expect(line).toContain(`PORT: ${port} on 127.0.0.1 is taken`);
    server.close();
  });

  it('on an address that is not this machine’s is told in one line that names HOST', async () => {
    expect(await refusal({ ...(await newStore()), HOST: '192.0.2.1' })).toContain('HOST: 192.0.2.1');
  });

  it('without its database is told in one line, without the password', async () => {
    const line = await refusal({ DATABASE_URL: 'postgres://admin:hunter2@127.0.0.1:1/none' });
    expect(line).toContain('database');
    expect(line).not.toContain('hunter2');
  });

  it('over a wall with a hole is told in one line that names the hole', async () => {
    const store = await newStore();
    expect(await (await BrokerProcess.start(store)).kill('SIGTERM')).toEqual(ENDED);
    await askStore(store, 'alter table memory no force row level security');
    expect(await refusal(store)).toContain('the table memory does not force row-level security');
  });

  it.each([
    ['alter table api_key disable row level security', 'the table api_key does not force row-level security'],
    ['alter table memory owner to commonplace_app', 'the role commonplace_app could bypass row-level security'],
    ['alter table api_key owner to commonplace_system', 'the role commonplace_system could bypass row-level security'],
  ])('is refused after: %s', async (hole, told) => {
    const database = await openTestDatabase();
    await assertWalls(database);
    await database.maintenance(hole);
    await expect(assertWalls(database)).rejects.toThrow(told);
    await database.close();
  });

  it.each(['bypassrls', 'superuser'])('is refused after: alter role commonplace_app %s', async (right) => {
    // On the embedded database in both runs: native roles belong to the whole server, and other tests are at work there.
    const image = fs.readFileSync(process.env['TEST_IMAGE_FILE'] as string);
    const database = await Database.open({ image, entities: [], migrations: [] });
    await assertWalls(database);
    await database.maintenance(`alter role commonplace_app ${right}`);
    await expect(assertWalls(database)).rejects.toThrow('the role commonplace_app could bypass row-level security');
    await database.close();
  });
});

describe('the first admin’s key', () => {
  it('is printed once, kept where only its owner reads, and works; a second start prints none', async () => {
    const store: NodeJS.ProcessEnv = { ...(await newStore()), COMMONPLACE_BOOTSTRAP_KEY: undefined };
    const first = await BrokerProcess.start(store);
    const [key, ...more] = keyIn(first.stdout);
    expect(more).toEqual([]);
    expect(first.stderr).not.toContain(key);
    const file = path.join(store['DATA_DIR'] as string, 'admin.key');
    expect(fs.readFileSync(file, 'utf8')).toBe(`${key}\n`);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(await new TestClient(first.url, key as string).ask(VIEWER)).toEqual({ viewer: { role: 'admin' } });
    await first.kill('SIGTERM');
    const second = await BrokerProcess.start(store);
    expect(second.stdout).toBe('');
    expect(await new TestClient(second.url, key as string).ask(VIEWER)).toEqual({ viewer: { role: 'admin' } });
  });

  it('that an operator chose is neither printed nor kept', async () => {
    const store = await newStore();
    const broker = await BrokerProcess.start(store);
    expect(broker.stdout + broker.stderr).not.toContain(ADMIN_KEY);
    expect(fs.existsSync(path.join(store['DATA_DIR'] as string, 'admin.key'))).toBe(false);
  });

  itOnNative(
    nativeOnly('is printed also where the folder cannot be written', 'the embedded database is in that folder'),
    async () => {
      const file = path.join(temporaryFolder(), 'a-file');
      fs.writeFileSync(file, '');
      const DATABASE_URL = await createNativeDatabase();
      const broker = await BrokerProcess.start({
        DATABASE_URL,
        DATA_DIR: path.join(file, 'data'),
        COMMONPLACE_BOOTSTRAP_KEY: undefined,
      });
      const [key] = keyIn(broker.stdout);
      expect(await new TestClient(broker.url, key as string).ask(VIEWER)).toEqual({ viewer: { role: 'admin' } });
    },
  );
});

describe('SIGTERM', () => {
  const MEMORIZE = `mutation ($content: String!) { memorize(input: {content: $content, pool: "shared", type: EPISODIC}) { memory { id } } }`;

  it('lets a request that is under way end, takes no new one, and ends with 0', async () => {
    const content = 'written while it rained';
    const embedder = await EmbeddingServer.start();
    const release = embedder.hold(content);
    const store = await newStore();
    const broker = await BrokerProcess.start({ ...store, ...embedder.env, EMBEDDING_TIMEOUT_MS: '8000' });
    const reviewer = await registerAgent(broker.client, 'reviewer');
    const underWay = reviewer.ask<{ memorize: { memory: { id: string } } }>(MEMORIZE, { content });
    while (embedder.texts.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const exit = broker.kill('SIGTERM');
    await untilRefused(broker.url).finally(release);
    const { memorize } = await underWay;
    expect(await exit).toEqual(ENDED);
    expect(broker.stderr).not.toContain(CUT_OFF);
    await embedder.close();
    expect(await askStore(store, 'select memory_id as id, content from memory')).toEqual([
      { id: memorize.memory.id, content },
    ]);
  });

  it('loses no acknowledged memory of those that are being written, and ends with 0', async () => {
    const store = await newStore();
    const broker = await BrokerProcess.start(store);
    const reviewer = await registerAgent(broker.client, 'reviewer');
    const acknowledged: string[] = [];
    const writing = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; ; n++) {
        const content = `writer ${writer} note ${n}`;
        const answer = await reviewer.send(MEMORIZE, { content }).catch(() => undefined);
        if (!answer?.data) return;
        acknowledged.push(content);
      }
    });
    while (acknowledged.length < 60) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await broker.kill('SIGTERM')).toEqual(ENDED);
    expect(broker.stderr).not.toContain(CUT_OFF);
    await Promise.all(writing);
    const stored = new Set((await askStore(store, 'select content from memory')).map((row) => row['content']));
    expect(acknowledged.filter((content) => !stored.has(content))).toEqual([]);
  });

  it('is not held up by a client that never ends its request, nor by one that keeps its connection', async () => {
    const broker = await BrokerProcess.start(await newStore());
    const agent = new http.Agent({ keepAlive: true });
    const { hostname, port } = new URL(broker.url);
    const idle = http.get({ hostname, port, path: '/livez', agent });
    const [response] = (await once(idle, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    const stalled = net.connect(Number(port), hostname);
    stalled.on('error', () => undefined);
    stalled.write(
      `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"query": "`,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await broker.kill('SIGTERM')).toEqual(ENDED);
    expect(broker.stderr).not.toContain(CUT_OFF);
    stalled.destroy();
    agent.destroy();
  });
});

/** Connects until it is refused, for the signal takes a moment. One that was queued as the listening ended is reset. */
async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (const deadline = Date.now() + 5_000; Date.now() < deadline;) {
    const socket = net.connect(Number(port), hostname);
    const error = await once(socket, 'connect').then(
      () => undefined,
      (reason: NodeJS.ErrnoException) => reason,
    );
    socket.destroy();
    if (error?.code === 'ECONNREFUSED') return;
    if (error && error.code !== 'ECONNRESET') throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('connections were still taken');
}
