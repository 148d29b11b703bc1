import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { createNativeDatabase, isNative, nativeOnly, openTestDatabase, itOnNative } from '../support/database.js';
import { eventually } from '../support/doorbells.js';
import { memorize } from '../support/memories.js';
import { freePort, itWithNats, NatsServer, natsOnly } from '../support/nats.js';

const native = (name: string) => nativeOnly(name, 'the embedded database has one broker');
const ACTIVATE = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';
const LONGER_THAN_A_RING_MS = 200;

const open: TestApi[] = [];
afterAll(async () => {
  for (const api of open) await api.close();
});

async function start(env: NodeJS.ProcessEnv = {}): Promise<TestApi> {
  const api = await startTestApi(env, await openTestDatabase(env['DATABASE_LISTEN_URL'] ?? env['TEST_URL']));
  open.push(api);
  return api;
}

/** How often the doorbell of a broker has rung by now. */
function count({ broker }: TestApi): { rings: number } {
  const counted = { rings: 0 };
  broker.doorbell.onRing(() => (counted.rings += 1));
  return counted;
}

async function rungBy(api: TestApi, work: () => Promise<unknown>): Promise<boolean> {
  const counted = count(api);
  await work();
  await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_A_RING_MS));
  return counted.rings > 0;
}

describe('the doorbell of a broker', () => {
  let api: TestApi;
  let coder: TestClient;
  beforeAll(async () => {
    api = await start();
    coder = await api.agent('coder');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a memory is stored', () => memorize(coder, { content: 'the first ring' })],
    ['an agent is registered', () => api.agent('coder')],
  ])('rings when %s', async (_, work) => {
    expect(await rungBy(api, work)).toBe(true);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'memories are read',
      () => coder.ask('{ memories { totalCount } recall(input: {query: "ring"}) { hits { rank } } }'),
    ],
    ['an edit is refused', () => api.admin.send(ACTIVATE, { input: { expectedVersion: 99, statements: [] } })],
  ])('does not ring when %s', async (_, work) => {
    await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_A_RING_MS));
    expect(await rungBy(api, work)).toBe(false);
  });
});

describe('two brokers on one Postgres', () => {
  itOnNative(native('ring at each other for what was written at one of them'), async () => {
    const env = { DATABASE_LISTEN_URL: await createNativeDatabase() };
    const [here, there] = [await start(env), await start(env)];
    await expectToRing(here, there);
    await expectToRing(there, here);
  });

  (isNative ? itWithNats : itOnNative)(
    natsOnly(native('ring by way of NATS, also where it comes later than they')),
    async () => {
      const nats = await NatsServer.notYet();
      const env = { TEST_URL: await createNativeDatabase(), NATS_URL: nats.url };
      const [here, there] = [await start(env), await start(env)];
      expect(await rungBy(here, () => here.agent('coder'))).toBe(true);
      await nats.start();
      await expectToRing(here, there);
      await expectToRing(there, here);
    },
  );

  async function expectToRing(here: TestApi, there: TestApi): Promise<void> {
    const heard = count(there);
    const coder = await here.agent('coder');
    // Until the lines stand, for which no start waits, nothing is heard; and one that comes to stand rings by itself.
    await eventually(async () => {
      await memorize(coder, { content: `to be heard of ${Math.random()}` });
      return heard.rings > 0;
    });
    await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_A_RING_MS));
    heard.rings = 0;
    await memorize(coder, { content: `heard of ${Math.random()}` });
    await eventually(() => heard.rings > 0);
  }
});

describe('a broker', () => {
  itOnNative(native('starts, writes and ends though its doorbell leads nowhere, and says so once'), async () => {
    const nowhere = `postgres://nobody:s3cret@127.0.0.1:${await freePort()}/nowhere`;
    const broker = await BrokerProcess.start({ ...(await newStore()), DATABASE_LISTEN_URL: nowhere });
    await broker.client.ask('{ viewer { id } }');
    await eventually(() => broker.stderr.includes('doorbell'));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await broker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(broker.stderr.match(/doorbell between brokers/g)).toHaveLength(1);
    expect(broker.stderr).not.toContain('s3cret');
  });

  itOnNative(native('starts, writes and ends though NATS is down'), async () => {
    const NATS_URL = `nats://me:s3cret@127.0.0.1:${await freePort()}`;
    const broker = await BrokerProcess.start({ ...(await newStore()), NATS_URL });
    await broker.client.ask('{ viewer { id } }');
    await eventually(() => broker.stderr.includes('doorbell'));
    expect(await broker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(broker.stderr).not.toContain('s3cret');
  });
});
