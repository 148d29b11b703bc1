import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as esbuild from 'esbuild';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import vm from 'node:vm';
import WebSocket from 'ws';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { temporaryFolder } from '../support/broker-process.js';
import { StubOpenAi } from '../support/stub-openai.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let api: TestApi;
let coder: TestClient;
/** Where nothing of this project is, but the package. */
let folder: string;
let files: string[];
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
  folder = temporaryFolder();
  // Beside what else was built: what packing leaves in the sources would make them newer than what was built of them.
  const source = path.join(ROOT, 'dist/client-package');
  fs.cpSync(`${ROOT}/libs/client`, source, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: source });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string; files: { path: string }[] }[];
  files = packed?.files.map((file) => file.path) ?? [];
  const home = path.join(folder, 'node_modules/@commonplace/client');
  fs.mkdirSync(home, { recursive: true });
  await run('tar', ['xzf', path.join(folder, packed?.filename ?? ''), '-C', home, '--strip-components=1']);
  // What `npm install` of the package would bring, and for the test a socket, for Node.js 20 has none.
  const others = ['graphql-ws', 'ws'];
  for (const name of others)
    fs.cpSync(`${ROOT}/node_modules/${name}`, path.join(folder, 'node_modules', name), { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
}, 120_000);
afterAll(() => api.close());

const SCRIPT = `
import { CommonplaceClient, CommonplaceFailure } from '@commonplace/client';
import WebSocket from 'ws';
const client = new CommonplaceClient({ url: process.argv[2], key: process.argv[3], webSocket: WebSocket });
const { feedCursor } = await client.request('{ feedCursor }');
await client.memorize({ content: 'Packed and unpacked.', type: 'EPISODIC' });
const { hits } = await client.recall('unpacked');
let told;
for await (const event of client.feed({ after: feedCursor })) { told = event.memory.content; break; }
const failure = await client.recall('').catch((error) => error);
console.log(JSON.stringify([hits[0].memory.content, told, failure instanceof CommonplaceFailure, failure.code]));
`;

describe('the package', () => {
  it('holds what was compiled, with its types, and needs graphql-ws alone', () => {
    expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'dist/index.js', 'dist/index.d.ts']));
    expect(files.filter((file) => !/^(dist\/[\w-]+\.(js|d\.ts)|package\.json|README\.md)$/.test(file))).toEqual([]);
    const manifest = JSON.parse(fs.readFileSync(`${ROOT}/libs/client/package.json`, 'utf8')) as Record<string, object>;
    expect(Object.keys(manifest['dependencies'] ?? {})).toEqual(['graphql-ws']);
  });

  it('works in a fresh folder', async () => {
    fs.writeFileSync(path.join(folder, 'use.mjs'), SCRIPT);
    const { stdout } = await run(process.execPath, ['use.mjs', api.url, coder.key], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(['Packed and unpacked.', 'Packed and unpacked.', true, 'BAD_INPUT']);
  });

  it('is typed there', async () => {
    const use = `import { CommonplaceClient, type MemorizeInput } from '@commonplace/client';
      export const stored = new CommonplaceClient({ url: '', key: '' }).memorize({ content: 'x', type: 'EPISODIC' }).then(({ memory }) => memory.pool.key);
      export const input: MemorizeInput = { content: 'x', type: 'EPISODIC' };
      // @ts-expect-error there is no such type
      export const wrong: MemorizeInput = { content: 'x', type: 'NONSENSE' };`;
    fs.writeFileSync(path.join(folder, 'use.ts'), use);
    const options = [
      '--strict',
      '--noEmit',
      '--skipLibCheck',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--lib',
      'es2023,dom',
    ];
    const tsc = `${ROOT}/node_modules/typescript/bin/tsc`;
    await expect(run(process.execPath, [tsc, ...options, 'use.ts'], { cwd: folder })).resolves.toBeDefined();
  });

  it('works in a browser: bundled for one, and run with what every browser has and nothing else', async () => {
    const source = `import { CommonplaceClient } from '@commonplace/client';
      globalThis.done = (async () => {
        const client = new CommonplaceClient({ url: broker, key });
        const { feedCursor } = await client.request('{ feedCursor }');
        await client.memorize({ content: 'From a browser.', type: 'EPISODIC' });
        for await (const event of client.feed({ after: feedCursor })) return event.memory.content;
      })();`;
    const { outputFiles } = await esbuild.build({
      stdin: { contents: source, resolveDir: folder },
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      logLevel: 'silent',
    });
    const web = {
      fetch,
      URL,
      AbortSignal,
      AbortController,
      DOMException,
      setTimeout,
      clearTimeout,
      WebSocket,
      console,
    };
    const page: Record<string, unknown> = { ...web, broker: api.url, key: coder.key };
    vm.runInNewContext(outputFiles[0]?.text ?? '', page);
    expect(await page['done']).toBe('From a browser.');
  });
});

describe('the examples', () => {
  let model: StubOpenAi;
  beforeAll(async () => {
    model = await StubOpenAi.start();
    for (const name of ['agent.mjs', 'team.mjs']) fs.copyFileSync(`${ROOT}/examples/${name}`, path.join(folder, name));
    fs.symlinkSync(`${ROOT}/node_modules/openai`, path.join(folder, 'node_modules/openai'));
  });
  afterAll(() => model.close());

  const started = (script: string, key: string, ...args: string[]) =>
    run(process.execPath, [script, ...args], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        OPENAI_BASE_URL: model.url,
        OPENAI_API_KEY: 'none',
        MODEL: 'a stub',
        COMMONPLACE_URL: api.url,
        COMMONPLACE_KEY: key,
      },
    });

  it('an agent remembers, memorizes and answers', async () => {
    const { stdout, stderr } = await started('agent.mjs', coder.key, 'Which', 'colour', 'has', 'the', 'bikeshed?');
    expect(stderr).toMatch(/→ remember .*bikeshed[\s\S]*→ memorize /);
    expect(stdout).toContain('No relevant memories found.');
    const again = await started('agent.mjs', coder.key, 'Which', 'colour', 'has', 'the', 'bikeshed?');
    expect(again.stdout).toContain('a note of the model: Which colour has the bikeshed?');
  });

  it('four agents share a project, each as its role may', async () => {
    const { stdout } = await started('team.mjs', api.admin.key, 'A bridge');
    for (const role of ['planner', 'coder', 'reviewer', 'tester']) expect(stdout).toContain(`${role}: memorize`);
    const { memories } = await api.admin.ask<{
      memories: { nodes: { pool: { key: string }; author: { role: string } }[] };
    }>('{ memories(filter: {entityId: "example"}, first: 50) { nodes { pool { key } author { role } } } }');
    expect(memories.nodes.map(({ pool, author }) => [author.role, pool.key]).sort()).toEqual([
      ['coder', 'coder'],
      ['planner', 'planner'],
      ['reviewer', 'reviewer'],
      ['tester', 'tester'],
    ]);
    // The coder reads the plan, and says what it was told of it.
    expect(/coder: Done[\s\S]*?\nreviewer:/.exec(stdout)?.[0]).toContain('a note of the model: Make a plan');
  });
});
