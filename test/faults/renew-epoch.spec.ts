import { beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { registerAgent, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore, temporaryFolder } from '../support/broker-process.js';
import { createNativeDatabase, isNative, nativeOnly, itOnNative } from '../support/database.js';
import { FeedReader } from '../support/feed.js';
import { memorize } from '../support/memories.js';

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
const LONGEST_RUN_MS = 50_000;

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function renewEpoch(store: NodeJS.ProcessEnv, ...options: string[]): Run {
  const { PATH, HOME } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', MAIN, 'renew-epoch', ...options], {
    env: { PATH, HOME, ...store },
    encoding: 'utf8',
    input: '',
    timeout: LONGEST_RUN_MS,
  });
  return { status, stdout, stderr };
}

const cursorOf = async (client: TestClient) => (await client.ask<{ feedCursor: string }>('{ feedCursor }')).feedCursor;
const auditLog = async (client: TestClient) =>
  (
    await client.ask<{ auditLog: { nodes: { action: string; principal: unknown; detail: unknown }[] } }>(
      '{ auditLog(first: 5) { nodes { action principal { id } detail } } }',
    )
  ).auditLog.nodes;

/** The code with which a subscription from there ends, or what it hears of a memory that is written meanwhile. */
async function resume(client: TestClient, after: string): Promise<string> {
  const feed = FeedReader.open(client, { after });
  const id = await memorize(client, { content: `written meanwhile ${Math.random()}` });
  await feed.until(({ memoryId }) => memoryId === id).catch(() => undefined);
  await feed.close();
  return feed.failures[0]?.extensions.code ?? 'HEARD';
}

/** A copy of a store whose broker has ended. */
async function copyOf(store: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const DATA_DIR = temporaryFolder();
  fs.cpSync(store['DATA_DIR'] as string, DATA_DIR, { recursive: true });
  if (!isNative) return { DATA_DIR };
  const name = new URL(store['DATABASE_URL'] as string).pathname.slice(1);
  return { DATA_DIR, DATABASE_URL: await createNativeDatabase(name) };
}

describe('after the restore of a backup', () => {
  it('a new epoch makes cursors of the lost future expire, whose numbers were given out again', async () => {
    const store = await newStore();
    let broker = await BrokerProcess.start(store);
    const { key } = await registerAgent(broker.client, 'coder');
    await memorize(broker.client.as(key), { content: 'in the backup' });
    expect(await broker.kill('SIGTERM')).toMatchObject({ code: 0 });
    const [backup, restored] = [await copyOf(store), await copyOf(store)];

    broker = await BrokerProcess.start(store);
    await memorize(broker.client.as(key), { content: 'after the backup, and lost' });
    const ofLostFuture = await cursorOf(broker.client.as(key));
    await broker.kill();

    // Without it: the subscriber passes over what has the lost number now.
    broker = await BrokerProcess.start(backup);
    await memorize(broker.client.as(key), { content: 'never told to whoever had that cursor' });
    expect(await resume(broker.client.as(key), ofLostFuture)).toBe('HEARD');
    await broker.kill();

    expect(renewEpoch(restored, '--yes')).toMatchObject({ status: 0, stderr: '' });
    broker = await BrokerProcess.start(restored);
    const coder = broker.client.as(key);
    await memorize(coder, { content: 'told to whoever lists again' });
    expect(await resume(coder, ofLostFuture)).toBe('CURSOR_EXPIRED');
    expect(await resume(coder, await cursorOf(coder))).toBe('HEARD');
    expect(await auditLog(broker.client)).toContainEqual({
      action: 'feed.renew',
      principal: null,
      detail: { before: expect.any(String), after: expect.any(String), by: 'the command line' },
    });
  }, 180_000);
});

describe('commonplace renew-epoch', () => {
  let store: NodeJS.ProcessEnv;
  let key: string;
  beforeAll(async () => {
    store = await newStore();
    const broker = await BrokerProcess.start(store);
    ({ key } = await registerAgent(broker.client, 'coder'));
    await broker.kill('SIGTERM');
  }, 120_000);
  const epochIn = ({ stdout }: Run) => /epoch ([0-9a-f-]{36})/.exec(stdout)?.[1];

  it('changes nothing as a dry run, nor where there is nobody to ask', () => {
    const dry = renewEpoch(store, '--dry-run', '--yes');
    expect(dry).toMatchObject({ status: 0, stderr: '' });
    expect(dry.stdout).toContain('CURSOR_EXPIRED');
    expect(dry.stdout).toContain('Nothing was changed');
    const unasked = renewEpoch(store);
    expect(unasked.status).toBe(1);
    expect(unasked.stderr).toBe('commonplace: nothing was changed: there is nobody to ask, so say --yes\n');
    expect(epochIn(renewEpoch(store, '--dry-run'))).toBe(epochIn(dry));
  }, 120_000);

  it('says which database it is about, and no password', () => {
    const url = store['DATABASE_URL'] && new URL(store['DATABASE_URL']);
    const { stdout } = renewEpoch(
      url ? { ...store, DATABASE_URL: Object.assign(new URL(url), { password: 's3cret' }).href } : store,
      '--dry-run',
    );
    expect(stdout).toContain(url ? `${url.host}${url.pathname}` : (store['DATA_DIR'] as string));
    expect(stdout).not.toContain('s3cret');
  });

  it('gives a new epoch each time', () => {
    const [first, second] = [renewEpoch(store, '--yes'), renewEpoch(store, '--yes')];
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(epochIn(second)).not.toBe(epochIn(first));
    expect(first.stdout).toContain(`The new epoch is ${epochIn(second)}`);
  }, 120_000);

  it('is told in one line that there is no organisation yet, or no migrated database', async () => {
    const empty = isNative
      ? { DATA_DIR: temporaryFolder(), DATABASE_URL: await createNativeDatabase() }
      : { DATA_DIR: path.join(temporaryFolder(), 'new') };
    const { status, stderr } = renewEpoch(empty, '--yes');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^commonplace: .*(organisation|migrations).*\n$/i);
  });

  itOnNative(
    nativeOnly('is seen by a broker that runs', 'the embedded database has one process at a time'),
    async () => {
      const broker = await BrokerProcess.start(store);
      const coder = broker.client.as(key);
      const before = await cursorOf(coder);
      expect(await resume(coder, before)).toBe('HEARD');
      expect(renewEpoch(store, '--yes').status).toBe(0);
      expect(await resume(coder, before)).toBe('CURSOR_EXPIRED');
      expect(await resume(coder, await cursorOf(coder))).toBe('HEARD');
    },
    120_000,
  );
});
