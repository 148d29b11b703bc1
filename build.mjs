// Builds dist: every source compiled, the command line bundled, and the template that a new embedded database begins from.
import * as esbuild from 'esbuild';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('.', import.meta.url));
const dist = path.join(root, 'dist');
const databaseRoom = path.join(dist, 'libs/platform/src/database');
const bundle = path.join(dist, 'bundle');
const TEMPLATE = 'embedded-template.tar.gz';

compile();
await template();
await bundleCommandLine();

function compile() {
  const swc = path.join(root, 'node_modules/@swc/cli/bin/swc.js');
  const args = [
    'apps',
    'libs',
    'migrations',
    'bench',
    '-d',
    'dist',
    '--config-file',
    '.swcrc',
    '--delete-dir-on-start',
    '--quiet',
  ];
  const { status } = spawnSync(process.execPath, [swc, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Made anew only when what goes into it has changed: it takes seconds. */
async function template() {
  const inputs = [
    ...fs.readdirSync(path.join(root, 'migrations')).map((name) => path.join(root, 'migrations', name)),
    path.join(root, 'package.json'),
  ];
  const hash = createHash('sha256');
  for (const file of inputs.sort()) hash.update(fs.readFileSync(file));
  const cache = path.join(root, 'node_modules/.cache/commonplace', `${hash.digest('hex').slice(0, 16)}.tar.gz`);
  if (!fs.existsSync(cache)) {
    const { Database } = await import(pathToFileURL(path.join(dist, 'libs/platform/src/index.js')).href);
    const { migrations } = await import(pathToFileURL(path.join(dist, 'migrations/index.js')).href);
    const database = await Database.open({ entities: [], migrations });
    await database.migrate();
    const packed = gzipSync(await database.dump());
    await database.close();
    fs.mkdirSync(path.dirname(cache), { recursive: true });
    fs.writeFileSync(`${cache}.${process.pid}`, packed);
    fs.renameSync(`${cache}.${process.pid}`, cache);
  }
  fs.copyFileSync(cache, path.join(databaseRoom, TEMPLATE));
}

/**
 * One file instead of 2,300: Node 20 spends 1.4 of the 2.3 seconds of a start on finding and reading modules, bundled 0.6.
 * What is loaded only where somebody installed it stays outside.
 */
async function bundleCommandLine() {
  await esbuild.build({
    entryPoints: [path.join(dist, 'apps/cli/src/main.js')],
    outdir: bundle,
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // CommonJS as Node itself would load it: 'module' entries mix the two kinds up.
    mainFields: ['main'],
    keepNames: true,
    // graphql-js and others look more closely, at each value, unless it is said that this is no development.
    define: { 'process.env.NODE_ENV': '"production"', 'globalThis.process.env.NODE_ENV': '"production"' },
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'error',
    // Packages of CommonJS call require, which an ES module has not.
    banner: {
      js: "import { createRequire as commonJsRequire } from 'node:module'; const require = commonJsRequire(import.meta.url);",
    },
    plugins: [
      { name: 'hashes by Node', setup: hashByNode },
      { name: 'optional packages stay outside', setup: leaveOutside },
    ],
  });
  nameOnlyWhatHasAPrototype();
  for (const file of ['embedded.worker.js', TEMPLATE])
    fs.copyFileSync(path.join(databaseRoom, file), path.join(bundle, file));
}

/**
 * esbuild keeps names by defining one on every function that is made, each time: 256 bytes and a slow object for each closure, of
 * which a subscriber has ten. Classes need theirs (types of the schema are named by them); arrows and methods do not.
 */
function nameOnlyWhatHasAPrototype() {
  const define = '__defProp(target, "name", { value, configurable: true })';
  const helper = `var __name = (target, value) => ${define};`;
  const files = fs.readdirSync(bundle).filter((name) => name.endsWith('.js'));
  const found = files.filter((name) => fs.readFileSync(path.join(bundle, name), 'utf8').includes(helper));
  if (found.length === 0) throw new Error('esbuild keeps names in another way than build.mjs knows.');
  for (const name of found) {
    const file = path.join(bundle, name);
    const lighter = `var __name = (target, value) => (Object.hasOwn(target, "prototype") && target.name !== value ? ${define} : target);`;
    fs.writeFileSync(
      file,
      fs.readFileSync(file, 'utf8').replace(helper, () => lighter),
    );
  }
}

/**
 * Apollo hashes each operation by Node only where there is a `module.require`, which a bundle has not, and else in JavaScript.
 * @param {import('esbuild').PluginBuild} build
 */
function hashByNode(build) {
  let isUsed = false;
  build.onResolve({ filter: /^sha\.js$/ }, () => ({ path: 'sha.js', namespace: 'hashes-by-node' }));
  build.onLoad({ filter: /./, namespace: 'hashes-by-node' }, () => {
    isUsed = true;
    return { contents: "module.exports = require('node:crypto').createHash;" };
  });
  build.onEnd(() => {
    if (!isUsed) throw new Error('Apollo hashes operations in another way than build.mjs knows.');
  });
}

/** PGlite finds its WebAssembly beside itself; and what is not installed cannot be bundled. @param {import('esbuild').PluginBuild} build */
function leaveOutside(build) {
  build.onResolve({ filter: /^@electric-sql\// }, (args) => ({ path: args.path, external: true }));
  build.onResolve({ filter: /^[^./#]/ }, async (args) => {
    if (args.pluginData === 'asked') return undefined;
    const { kind, importer, resolveDir } = args;
    const found = await build.resolve(args.path, { kind, importer, resolveDir, pluginData: 'asked' });
    return found.errors.length ? { path: args.path, external: true } : undefined;
  });
}
