import { afterEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../../../../test/support/broker-process.js';
import { eventually, HeardDoorbell } from '../../../../test/support/doorbells.js';
import { NatsServer, natsOnly, itWithNats } from '../../../../test/support/nats.js';
import { parseNatsUrls } from './nats-line.js';

const open: HeardDoorbell[] = [];
afterEach(async () => {
  for (const { bell } of open.splice(0)) await bell.close();
});

async function ofNats(natsUrl: string, how: 'open' | 'connected' = 'connected'): Promise<HeardDoorbell> {
  const doorbell = await HeardDoorbell[how]({ kind: 'postgres', natsUrl });
  open.push(doorbell);
  return doorbell;
}

async function expectToHear(one: HeardDoorbell, other: HeardDoorbell): Promise<void> {
  const heard = other.hears();
  one.bell.ring();
  await heard;
}

describe('the URL of NATS', () => {
  it.each([
    ['nats://127.0.0.1:4222', { servers: ['127.0.0.1:4222'] }],
    ['nats://one:4222, nats://two:4223', { servers: ['one:4222', 'two:4223'] }],
    ['nats://me:p%40ss@one', { servers: ['one'], user: 'me', pass: 'p@ss' }],
    ['nats://s3cret@one:1', { servers: ['one:1'], token: 's3cret' }],
    ['tls://one', { servers: ['one'], tls: {} }],
  ])('%s has its addresses and its credentials apart', (url, parsed) => {
    expect(parseNatsUrls(url)).toEqual(parsed);
  });
});

describe('two doorbells on one NATS', () => {
  itWithNats(natsOnly('hear each other, and each hears itself once'), async () => {
    const { url } = await NatsServer.start();
    const [one, other] = [await ofNats(url), await ofNats(url)];
    await expectToHear(one, other);
    await expectToHear(other, one);
    await one.quiet();
    expect([one.rings, other.rings]).toEqual([3, 3]);
  });

  itWithNats(natsOnly('hear each other again after it was killed and started again, and rang then'), async () => {
    const server = await NatsServer.start();
    const [one, other] = [await ofNats(server.url), await ofNats(server.url)];
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await server.kill();
    await eventually(() => one.errors.length === 1 && other.errors.length === 1);
    const rings = one.rings;
    one.bell.ring();
    await eventually(() => one.rings === rings + 1);
    const back = Promise.all([one.hears(), other.hears()]);
    await server.start();
    await back;
    await other.quiet();
    await expectToHear(one, other);
    expect([one.errors.length, other.errors.length]).toEqual([1, 1]);
  });

  itWithNats(natsOnly('are there before it, and hear each other when it comes'), async () => {
    const server = await NatsServer.notYet();
    const [one, other] = [await ofNats(server.url, 'open'), await ofNats(server.url, 'open')];
    await eventually(() => one.errors.length === 1 && other.errors.length === 1);
    const back = Promise.all([one.hears(), other.hears()]);
    await server.start();
    await back;
    await expectToHear(one, other);
  });

  itWithNats(natsOnly('close while it is away'), async () => {
    const server = await NatsServer.start();
    const doorbell = await ofNats(server.url);
    await server.kill();
    await eventually(() => doorbell.errors.length === 1);
    const since = Date.now();
    await doorbell.bell.close();
    expect(Date.now() - since).toBeLessThan(1_000);
  });

  itWithNats.each([
    ['user and password', ['--user', 'me', '--pass', 'p@ss/word'], 'me:p%40ss%2Fword'],
    ['a token', ['--auth', 'tok3n-of-mine'], 'tok3n-of-mine'],
  ])(natsOnly('come in with %s in the URL, and tell nobody of them'), async (_, options, credentials) => {
    const server = await NatsServer.start(...options);
    const url = `nats://${credentials}@127.0.0.1:${server.port}`;
    const [one, other] = [await ofNats(url), await ofNats(url)];
    await expectToHear(one, other);
    const wrong = await ofNats(`nats://${credentials}x@127.0.0.1:${server.port}`, 'open');
    const nobody = await ofNats(server.url, 'open');
    await server.kill();
    await eventually(() => [one, other, wrong, nobody].every(({ errors }) => errors.length > 0));
    for (const { errors } of [one, other, wrong, nobody]) {
      const told = errors
        .map((error) => `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack ?? ''}`)
        .join();
      for (const secret of ['p@ss', 'p%40ss', 'tok3n']) expect(told).not.toContain(secret);
    }
  });

  itWithNats(natsOnly('that may not use their subject say so once, and ring here all the same'), async () => {
    const config = path.join(temporaryFolder(), 'nats.conf');
    const permissions = '{ publish: "other.>", subscribe: "commonplace.>" }';
    fs.writeFileSync(config, `authorization { users = [{ user: me, password: mine, permissions: ${permissions} }] }`);
    const server = await NatsServer.start('--config', config);
    const doorbell = await ofNats(`nats://me:mine@127.0.0.1:${server.port}`);
    doorbell.bell.ring();
    await eventually(() => doorbell.errors.length === 1);
    expect(String(doorbell.errors[0])).toMatch(/permissions violation/i);
    for (let ring = 0; ring < 3; ring++) {
      const heard = doorbell.hears();
      doorbell.bell.ring();
      await heard;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(doorbell.errors).toHaveLength(1);
  });
});
