import { transform } from '@swc/core';
import { afterAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { registerAgent } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { memorize } from '../support/memories.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the project, where the client finds its packages. */
const FOLDER = path.join(ROOT, 'node_modules/.cache/commonplace', `client-${process.pid}-${Date.now()}`);

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(FOLDER, { recursive: true, force: true });
});

/** The client as the document has it, and a few lines that print what it is told. */
async function writeClient(): Promise<string> {
  const document = fs.readFileSync(path.join(ROOT, 'docs/PROTOCOL.md'), 'utf8');
  const source = /```ts\n([\s\S]*?)```/.exec(document)?.[1] as string;
  const { code } = await transform(source, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(path.join(FOLDER, 'client.mjs'), code);
  const file = path.join(FOLDER, 'print.mjs');
  fs.writeFileSync(
    file,
    `import { follow } from './client.mjs';
    try {
      for await (const { kind, memoryId } of follow(...process.argv.slice(2)))
        if (memoryId) console.log(JSON.stringify([kind, memoryId]));
    } catch (failure) { console.log(JSON.stringify([failure.code ?? failure[0].extensions.code])); }`,
  );
  return file;
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

describe('the client in the protocol', () => {
  it('is told of everything once, through kill -9 of the broker, and stops where its key is revoked', async () => {
    const file = await writeClient();
    const env = { ...(await newStore()), PORT: await freePort() };
    let broker = await BrokerProcess.start(env);
    const coder = await registerAgent(broker.client, 'coder');
    const { feedCursor } = await coder.ask<{ feedCursor: string }>('{ feedCursor }');
    const child = spawn(
      process.execPath,
      [file, `${broker.url.replace('http', 'ws')}/graphql`, coder.key, feedCursor],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    children.push(child);
    const told: unknown[] = [];
    const ended = (async () => {
      for await (const line of createInterface({ input: child.stdout })) told.push(JSON.parse(line));
    })();
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 5; n++) ids.push(await memorize(coder, { content: `round ${round}, number ${n}` }));
      while (round === 0 && told.length < ids.length) await new Promise((resolve) => setTimeout(resolve, 20));
      await broker.kill('SIGKILL');
      broker = await BrokerProcess.start(env);
    }
    while (told.length < ids.length) await new Promise((resolve) => setTimeout(resolve, 20));
    const { agents } = await broker.client.ask<{ agents: { id: string; keys: { id: string }[] }[] }>(
      '{ agents { id keys { id } } }',
    );
    const key = agents.find(({ id }) => id === coder.id)?.keys[0]?.id;
    await broker.client.ask('mutation ($id: ID!) { revokeKey(id: $id) { id } }', { id: key });
    await ended;
    expect(told).toEqual([...ids.map((id) => ['MEMORIZED', id]), ['ACCESS_REVOKED']]);
  }, 180_000);
});
